/*-------------------------------------------------------------------------
 * engine/testenv.h - which runs belong to a test environment.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_ENGINE_TESTENV_H
#define TPG_ENGINE_TESTENV_H

/*
 * The test environment of the transaction in progress, if it has one: it drives
 * exactly the runs that this transaction starts, under a virtual clock, and ends
 * with the transaction.
 */
extern void tpg_testenv_begin(void);
extern bool tpg_testenv_active(void);

/* Called by the engine for every run that starts. */
extern void tpg_testenv_started(int64 execution_key);

/* Keys of the runs, in order of their start. */
extern int	tpg_testenv_runs(const int64 **keys);
/*
 * The i-th of them is closed and has nothing left to do, so that it need not be
 * looked at again: a chain of runs may be long.
 */
extern void tpg_testenv_set_over(int i);
extern bool tpg_testenv_is_over(int i);

extern bool tpg_testenv_owns(int64 execution_key);

#endif							/* TPG_ENGINE_TESTENV_H */
