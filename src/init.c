/*-------------------------------------------------------------------------
 * init.c - _PG_init: the only file that knows all floors.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "api/capi.h"
#include "base/guc.h"
#include "ipc/shmem.h"
#include "runtime/guard.h"
#include "store/definition.h"
#include "store/namespace.h"
#include "worker/bgw.h"

PG_MODULE_MAGIC;

extern void _PG_init(void);

void
_PG_init(void)
{
	tpg_guc_init();
	tpg_definition_init();
	tpg_namespace_init();
	tpg_guard_init();
	tpg_capi_init();
	if (process_shared_preload_libraries_in_progress && !IsBinaryUpgrade)
	{
		tpg_shmem_init();
		tpg_worker_init();
	}
}
