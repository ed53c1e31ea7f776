/*-------------------------------------------------------------------------
 * runtime/mock.c - activities that a test replaces.
 *
 * State of one transaction, like the test environment that it belongs to.  A
 * mock stands in for the function only: schedule, retries, timeouts and
 * history are the engine's own (reference K-07).
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "base/clock.h"
#include "base/compat.h"
#include "base/json.h"
#include "engine/testenv.h"
#include "model/failure.h"
#include "runtime/mock.h"
#include "storage/proc.h"

typedef struct Mock
{
	char	   *activity_type;
	Jsonb	   *returns;
	char	   *handler;
	Jsonb	   *fails;
} Mock;

static LocalTransactionId mocks_lxid = InvalidLocalTransactionId;
static List *mocks;
static List *calls;

static void
begin_transaction(void)
{
	if (mocks_lxid == tpg_my_lxid())
		return;
	mocks_lxid = tpg_my_lxid();
	mocks = NIL;
	calls = NIL;
}

static Mock *
find_mock(const char *activity_type)
{
	ListCell   *lc;

	begin_transaction();
	foreach(lc, mocks)
	{
		Mock	   *m = lfirst(lc);

		if (strcmp(m->activity_type, activity_type) == 0)
			return m;
	}
	return NULL;
}

void
tpg_mock_set(const char *activity_type, const Jsonb *returns, const char *handler, const Jsonb *fails)
{
	MemoryContext old;
	Mock	   *m = find_mock(activity_type);

	old = MemoryContextSwitchTo(TopTransactionContext);
	if (m == NULL)
	{
		m = palloc0(sizeof(Mock));
		m->activity_type = pstrdup(activity_type);
		mocks = lappend(mocks, m);
	}
	m->returns = returns ? tpg_json_copy(returns) : NULL;
	m->handler = handler ? pstrdup(handler) : NULL;
	m->fails = fails ? tpg_json_copy(fails) : NULL;
	MemoryContextSwitchTo(old);
}

/* handler(input jsonb) returns jsonb, as the tester; its error fails the attempt. */
static void
run_handler(const char *handler, const Jsonb *input, TpgAttempt *attempt)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		Oid			argtype = JSONBOID;
		Datum		arg = PointerGetDatum(input);
		char	   *sql = psprintf("SELECT pg_catalog.to_jsonb(%s($1))", handler);
		bool		isnull;
		Datum		d;

		SPI_connect();
		if (SPI_execute_with_args(sql, 1, &argtype, &arg, input ? NULL : "n", false, 1) != SPI_OK_SELECT || SPI_processed != 1)
			elog(ERROR, "mock handler %s gave nothing", handler);
		d = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContextSwitchTo(caller);
		attempt->result = isnull ? tpg_json_null() : tpg_json_copy(DatumGetJsonbP(d));
		SPI_finish();
		ReleaseCurrentSubTransaction();
		attempt->end = TPG_ATTEMPT_COMPLETED;
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(caller);
		edata = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		attempt->end = TPG_ATTEMPT_FAILED;
		attempt->failure = tpg_failure_from_error(edata, "temporal_pg");
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
}

bool
tpg_mock_is_set(const char *activity_type)
{
	return tpg_testenv_active() && find_mock(activity_type) != NULL;
}

bool
tpg_mock_run(const TpgActivityTask *task, TpgAttempt *attempt)
{
	Mock	   *m;
	Jsonb	   *input = tpg_json_get_raw(task->attributes, "input");
	MemoryContext old;
	TpgMockCall *call;

	if (!tpg_testenv_active())
		return false;
	m = find_mock(task->activity_type);
	if (m == NULL)
		return false;

	old = MemoryContextSwitchTo(TopTransactionContext);
	call = palloc0(sizeof(TpgMockCall));
	call->number = list_length(calls) + 1;
	call->activity_type = pstrdup(task->activity_type);
	call->activity_id = pstrdup(task->activity_id);
	call->attempt = task->attempt;
	call->input = input ? tpg_json_copy(input) : NULL;
	call->time = tpg_clock_now();
	calls = lappend(calls, call);
	MemoryContextSwitchTo(old);

	attempt->started_at = call->time;
	attempt->identity = "mock";
	if (m->handler != NULL)
		run_handler(m->handler, input, attempt);
	else if (m->fails != NULL)
	{
		attempt->end = TPG_ATTEMPT_FAILED;
		attempt->failure = tpg_failure_from_detail(m->fails, "mocked failure", "temporal_pg");
	}
	else
	{
		attempt->end = TPG_ATTEMPT_COMPLETED;
		attempt->result = m->returns;
	}
	attempt->ended_at = tpg_clock_now();
	return true;
}

int
tpg_mock_calls(const char *activity_type, TpgMockCall ***result)
{
	ListCell   *lc;
	int			n = 0;

	begin_transaction();
	*result = palloc(sizeof(TpgMockCall *) * Max(list_length(calls), 1));
	foreach(lc, calls)
	{
		TpgMockCall *c = lfirst(lc);

		if (activity_type == NULL || strcmp(c->activity_type, activity_type) == 0)
			(*result)[n++] = c;
	}
	return n;
}
