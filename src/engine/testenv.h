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

/*
 * Walks over the runs that have not ended, in order of their start: begin with
 * *position = 0; 0 is the end.  Runs may start and end on the way.
 */
extern int64 tpg_testenv_next(int *position);

/* All of them. */
extern int64 *tpg_testenv_runs(int *n);

/* Its walker has seen that the run is closed or gone. */
extern void tpg_testenv_ended(int64 execution_key);
extern bool tpg_testenv_owns(int64 execution_key);

#endif							/* TPG_ENGINE_TESTENV_H */
