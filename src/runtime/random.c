/*-------------------------------------------------------------------------
 * runtime/random.c - random numbers that a replay draws again.
 *
 * One generator a run, seeded from its original run id (reference G-05), and where
 * a reset stands in history from the new run's (B-33); so the n-th draw is the same
 * in every replay.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "base/ident.h"
#include "runtime/random.h"

void
tpg_random_reseed(TpgActivation *act, const pg_uuid_t *run_id)
{
	pg_prng_seed(&act->random, hash_bytes_extended(run_id->data, UUID_LEN, 0));
	act->random_seeded = true;
}

static pg_prng_state *
generator(TpgActivation *act)
{
	if (!act->random_seeded)
		tpg_random_reseed(act, &act->run->exec->original_run_id);
	return &act->random;
}

double
tpg_random_double(TpgActivation *act)
{
	return pg_prng_double(generator(act));
}

pg_uuid_t *
tpg_random_uuid(TpgActivation *act)
{
	uint64		bytes[2];

	bytes[0] = pg_prng_uint64(generator(act));
	bytes[1] = pg_prng_uint64(generator(act));
	return tpg_uuid_from_bytes((uint8 *) bytes);
}
