/*-------------------------------------------------------------------------
 * c_workflow.c
 *	  An order as a durable workflow, in C.
 *
 * The order waits for its confirmation, reserves goods, takes the money and has
 * a child workflow deliver.  When the money can't be had the goods are
 * released.  Kill the server at any point: it goes on where it was.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

#include "temporal_pg.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(shop_reserve);
PG_FUNCTION_INFO_V1(shop_release);
PG_FUNCTION_INFO_V1(shop_charge);
PG_FUNCTION_INFO_V1(shop_order);
PG_FUNCTION_INFO_V1(shop_delivery);
PG_FUNCTION_INFO_V1(shop_confirm);
PG_FUNCTION_INFO_V1(shop_progress);
PG_FUNCTION_INFO_V1(shop_set_quantity);
PG_FUNCTION_INFO_V1(shop_check_quantity);
PG_FUNCTION_INFO_V1(shop_place_order);

#define PRICE 100

/* ---------- activities: SQL like anywhere, once and for all ---------- */

static uint64
execute(const char *sql, const char *text, int32 number)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		values[2] = {CStringGetTextDatum(text), Int32GetDatum(number)};
	uint64		rows;

	SPI_connect();
	if (SPI_execute_with_args(sql, 2, types, values, NULL, false, 0) < 0)
		elog(ERROR, "could not execute \"%s\"", sql);
	rows = SPI_processed;
	SPI_finish();
	return rows;
}

Datum
shop_reserve(PG_FUNCTION_ARGS)
{
	char	   *item = text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (execute("UPDATE shop.stock SET quantity = quantity - $2 WHERE item = $1 AND quantity >= $2", item, PG_GETARG_INT32(1)) == 0)
		tpg_raise_application_error(psprintf("not enough %s", item),
									&(TpgErrorOpts) {.type = "OutOfStock", .non_retryable = true});
	PG_RETURN_VOID();
}

Datum
shop_release(PG_FUNCTION_ARGS)
{
	execute("UPDATE shop.stock SET quantity = quantity + $2 WHERE item = $1", text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_INT32(1));
	PG_RETURN_VOID();
}

Datum
shop_charge(PG_FUNCTION_ARGS)
{
	int32		amount = PG_GETARG_INT32(1);

	if (amount > 1000)
		tpg_raise_application_error("card declined", &(TpgErrorOpts) {.type = "CardDeclined", .non_retryable = true});
	execute("INSERT INTO shop.payment VALUES ($1, $2)", text_to_cstring(PG_GETARG_TEXT_PP(0)), amount);
	PG_RETURN_INT32(amount);
}

/* ---------- payloads ---------- */

/* {"<key>": "<text>", "<number_key>": <number>} */
static Jsonb *
object(const char *key, const char *text, const char *number_key, int number)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"%s\": ", key);
	escape_json(&buf, text);
	appendStringInfo(&buf, ", \"%s\": %d}", number_key, number);
	return tpg_jsonb(buf.data);
}

static Jsonb *
string(const char *text)
{
	return tpg_to_jsonb(CStringGetTextDatum(text), TEXTOID);
}

static void
set_status(const char *status)
{
	tpg_set_state("status", string(status));
}

static int32
quantity_ordered(void)
{
	return DatumGetInt32(DirectFunctionCall1(jsonb_int4, JsonbPGetDatum(tpg_get_state("quantity"))));
}

/* ---------- the order ---------- */

/* Has confirm() said who it is for? */
static bool
is_confirmed(const Jsonb *state, const Jsonb *args)
{
	JsonbValue	v;

	return getKeyJsonValueFromContainer(unconstify(JsonbContainer *, &state->root), "customer", strlen("customer"), &v) != NULL;
}

Datum
shop_order(PG_FUNCTION_ARGS)
{
	char	   *item = text_to_cstring(PG_GETARG_TEXT_PP(0));
	TpgWorkflowInfo *info = tpg_workflow_info();
	TpgFuture	either[2];
	TpgFailure *failure;
	Jsonb	   *result;
	int32		quantity;

	/* an update that came before the first workflow task has its say first */
	if (tpg_get_state("quantity") == NULL)
		tpg_set_state("quantity", tpg_to_jsonb(PG_GETARG_DATUM(1), INT4OID));
	set_status("waiting for confirmation");
	if (!tpg_wait_predicate("confirmed", is_confirmed, NULL, TPG_DAYS(2)))
		PG_RETURN_JSONB_P(string("expired"));
	quantity = quantity_ordered();

	set_status("reserving");
	tpg_execute_activity("reserve", object("item", item, "quantity", quantity), NULL);

	set_status("charging");
	tpg_try_execute_activity("charge", object("order_id", info->workflow_id, "amount", quantity * PRICE),
							 &(TpgActivityOpts) {
								 .start_to_close_us = TPG_SECONDS(30),
								 .retry = &(TpgRetryOpts) {.maximum_attempts = 5},
								 .summary = "take the money"
							 }, &failure);
	if (failure != NULL)
	{
		tpg_execute_activity("release", object("item", item, "quantity", quantity), NULL);
		set_status(failure->type ? failure->type : "failed");
		tpg_raise_failure(failure);
	}

	/* whichever comes first */
	set_status("delivering");
	either[0] = tpg_start_child_workflow("delivery", object("item", item, "milliseconds", 300), NULL);
	either[1] = tpg_start_timer(TPG_MILLISECONDS(50), "too late?");
	if (tpg_await_any(either, 2, TPG_FOREVER) == 1)
		tpg_set_state("late", string(item));
	result = tpg_await(either[0], TPG_FOREVER);
	set_status("delivered");
	PG_RETURN_JSONB_P(result);
}

/* A child workflow. */
Datum
shop_delivery(PG_FUNCTION_ARGS)
{
	tpg_sleep(TPG_MILLISECONDS(PG_GETARG_INT32(1)));
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s delivered", text_to_cstring(PG_GETARG_TEXT_PP(0)))));
}

/* ---------- handlers ---------- */

Datum
shop_confirm(PG_FUNCTION_ARGS)
{
	tpg_set_state("customer", tpg_to_jsonb(PG_GETARG_DATUM(0), TEXTOID));
	PG_RETURN_VOID();
}

Datum
shop_progress(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(tpg_state());
}

/* May the quantity be changed?  A validator only looks. */
Datum
shop_check_quantity(PG_FUNCTION_ARGS)
{
	if (PG_GETARG_INT32(0) < 1)
		tpg_raise_application_error("quantity must be at least 1", NULL);
	if (tpg_get_state("customer") != NULL)
		tpg_raise_application_error("the order is confirmed already", NULL);
	PG_RETURN_VOID();
}

/* Gives the old one; none when the order has not begun, since handlers may run before the workflow does. */
Datum
shop_set_quantity(PG_FUNCTION_ARGS)
{
	Jsonb	   *before = tpg_get_state("quantity");

	tpg_set_state("quantity", tpg_to_jsonb(PG_GETARG_DATUM(0), INT4OID));
	if (before == NULL)
		PG_RETURN_NULL();
	return DirectFunctionCall1(jsonb_int4, JsonbPGetDatum(before));
}

/* ---------- a client ---------- */

Datum
shop_place_order(PG_FUNCTION_ARGS)
{
	char	   *item = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *id = tpg_start_workflow("order", object("item", item, "quantity", PG_GETARG_INT32(1)),
										&(TpgStartOpts) {.memo = object("item", item, "price", PRICE)}, NULL);

	PG_RETURN_TEXT_P(cstring_to_text(id));
}
