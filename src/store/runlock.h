/*-------------------------------------------------------------------------
 * store/runlock.h - who works on a run: a heavyweight lock with a tag of our own.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_STORE_RUNLOCK_H
#define TPG_STORE_RUNLOCK_H

/*
 * Takes the run lock until the end of the transaction.  With wait false it
 * answers false at once when another process has it; with wait true it waits
 * under lock_timeout and is seen by the deadlock detector.
 */
extern bool tpg_run_lock(int64 execution_key, bool wait);

/* Has this transaction taken it? */
extern bool tpg_run_lock_is_held(int64 execution_key);

/*
 * Who does what a run asks of others (its outbox): one process at a time, so
 * that it is done in order.  wait as above.  Taken behind the run lock, where
 * both are, and before any row is locked.
 */
extern bool tpg_outbox_lock(int64 execution_key, bool wait);

/*
 * A version of pinned code (store/version), by a number made of its name: shared by
 * whoever is about to start a run with it, alone by who drops it.  Until the end of
 * the transaction.
 */
extern bool tpg_version_lock(uint64 number, bool alone, bool wait);

#endif							/* TPG_STORE_RUNLOCK_H */
