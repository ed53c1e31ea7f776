/* A library that was built with the header of a temporal_pg to come. */
#define TPG_API_SIZE_NEEDED (sizeof(TpgApi) + 8)

#include "postgres.h"

#include "temporal_pg.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(newer_sleep);

Datum
newer_sleep(PG_FUNCTION_ARGS)
{
	tpg_sleep(1);
	PG_RETURN_VOID();
}
