/*-------------------------------------------------------------------------
 *
 * definition_table.c
 *	  Statements on table temporal_internal.definition.
 *
 * A handler belongs to the row of its workflow type: it is found only through that row,
 * has its settings and SQLSTATEs, and goes with it.  Who registers a handler holds a lock
 * on the row (tpg_definition_lock_workflow), so that neither is left without the other.
 *
 * Callers: definition.c reads; the api floor registers.  In a transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#include "base/errors.h"
#include "base/json.h"
#include "store/definition_table.h"
#include "store/extension.h"
#include "store/function.h"
#include "store/nearname.h"
#include "store/plan.h"

/* indexed by TpgDefinitionKind */
static const char *const kind_names[] = {
	NULL, "workflow", "activity", "signal", "query", "update", "validator", "init"
};

/* The row that serves a workflow type: its own, or that of '*'. */
#define SERVING_WORKFLOW(type) \
	"(SELECT s.name, s.settings, s.failure_sqlstates, s.versioning_behavior, s.version " \
	"FROM temporal_internal.definition s " \
	"WHERE s.namespace_id = $1 AND s.kind = 'workflow' AND s.name IN (" type ", '*') " \
	"ORDER BY s.name = '*' LIMIT 1) AS w"

#define FUNCTION_COLUMNS "d.function_schema, d.function_name, d.function_arguments"

static TpgPlan type_plan = {
	.sql = "SELECT d.id, d.workflow_type, d.name, " FUNCTION_COLUMNS ", d.task_queue, d.mode, d.options, "
	"d.settings, d.failure_sqlstates, d.versioning_behavior, d.owner_name, d.version "
	"FROM temporal_internal.definition d "
	"WHERE d.namespace_id = $1 AND d.kind = $2 AND d.workflow_type = '' AND d.name IN ($3, '*') "
	"ORDER BY d.name = '*' LIMIT 1",
	.nargs = 3,.argtypes = {INT4OID, TEXTOID, TEXTOID}
};
static TpgPlan handler_plan = {
	.sql = "SELECT d.id, d.workflow_type, d.name, " FUNCTION_COLUMNS ", d.task_queue, d.mode, d.options, "
	"w.settings, w.failure_sqlstates, w.versioning_behavior, d.owner_name, w.version "
	"FROM " SERVING_WORKFLOW("$4") ", temporal_internal.definition d "
	"WHERE d.namespace_id = $1 AND d.kind = $2 AND d.workflow_type = w.name AND d.name IN ($3, $5) "
	"ORDER BY d.name = '*' LIMIT 1",
	.nargs = 5,.argtypes = {INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};
/* What a registration kept for its runs: every column of it, and no other's. */
static TpgPlan version_plan = {
	.sql = "SELECT 0, d.workflow_type, d.name, " FUNCTION_COLUMNS ", d.task_queue, NULL::text, NULL::jsonb, "
	"d.settings, d.failure_sqlstates, 'pinned', d.owner_name, d.version "
	"FROM temporal_internal.pinned_definition d "
	"WHERE d.version = $1 AND d.kind = $2 AND d.name IN ($3, $4) "
	"ORDER BY d.name = '*' LIMIT 1",
	.nargs = 4,.argtypes = {TEXTOID, TEXTOID, TEXTOID, TEXTOID}
};
static TpgPlan version_names_plan = {
	.sql = "SELECT d.name FROM temporal_internal.pinned_definition d "
	"WHERE d.version = $3 AND d.kind = $2 AND $1 > 0 ORDER BY d.name COLLATE \"C\"",
	.nargs = 3,.argtypes = {INT4OID, TEXTOID, TEXTOID}
};
static TpgPlan type_names_plan = {
	.sql = "SELECT d.name FROM temporal_internal.definition d "
	"WHERE d.namespace_id = $1 AND d.kind = $2 AND d.workflow_type = '' ORDER BY d.name COLLATE \"C\"",
	.nargs = 2,.argtypes = {INT4OID, TEXTOID}
};
static TpgPlan handler_names_plan = {
	.sql = "SELECT d.name FROM " SERVING_WORKFLOW("$3") ", temporal_internal.definition d "
	"WHERE d.namespace_id = $1 AND d.kind = $2 AND d.workflow_type = w.name ORDER BY d.name COLLATE \"C\"",
	.nargs = 3,.argtypes = {INT4OID, TEXTOID, TEXTOID}
};
static TpgPlan handlers_plan = {
	.sql = "SELECT d.kind, d.name, " FUNCTION_COLUMNS " FROM temporal_internal.definition d "
	"WHERE d.namespace_id = $1 AND d.workflow_type = $2 ORDER BY d.kind, d.name COLLATE \"C\"",
	.nargs = 2,.argtypes = {INT4OID, TEXTOID}
};
static TpgPlan put_plan = {
	.sql = "INSERT INTO temporal_internal.definition (namespace_id, kind, workflow_type, name, function_schema, "
	"function_name, function_arguments, task_queue, mode, options, settings, failure_sqlstates, "
	"versioning_behavior, with_workflow, owner_name) "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) "
	"ON CONFLICT (namespace_id, kind, workflow_type, name) DO UPDATE SET "
	"function_schema = excluded.function_schema, function_name = excluded.function_name, "
	"function_arguments = excluded.function_arguments, task_queue = excluded.task_queue, "
	"mode = excluded.mode, options = excluded.options, settings = excluded.settings, "
	"failure_sqlstates = excluded.failure_sqlstates, versioning_behavior = excluded.versioning_behavior, "
	"with_workflow = excluded.with_workflow, owner_name = excluded.owner_name, registered_at = excluded.registered_at, version = NULL",
	.nargs = 15,.argtypes = {INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
	JSONBOID, JSONBOID, TEXTARRAYOID, TEXTOID, BOOLOID, TEXTOID}
};
static TpgPlan delete_plan = {
	.sql = "DELETE FROM temporal_internal.definition "
	"WHERE namespace_id = $1 AND kind = $2 AND workflow_type = $3 AND name = $4",
	.nargs = 4,.argtypes = {INT4OID, TEXTOID, TEXTOID, TEXTOID}
};
static TpgPlan delete_handlers_plan = {
	.sql = "DELETE FROM temporal_internal.definition "
	"WHERE namespace_id = $1 AND workflow_type = $2 AND (with_workflow OR $3)",
	.nargs = 3,.argtypes = {INT4OID, TEXTOID, BOOLOID}
};
static TpgPlan lock_plan = {
	.sql = "SELECT FROM temporal_internal.definition "
	"WHERE namespace_id = $1 AND kind = 'workflow' AND workflow_type = '' AND name = $2 FOR NO KEY UPDATE",
	.nargs = 2,.argtypes = {INT4OID, TEXTOID}
};

const char *
tpg_definition_kind_name(TpgDefinitionKind kind)
{
	Assert(kind > 0 && kind < lengthof(kind_names));
	return kind_names[kind];
}

static TpgDefinitionKind
kind_of_name(const char *name)
{
	for (int i = 1; i < lengthof(kind_names); i++)
	{
		if (strcmp(kind_names[i], name) == 0)
			return (TpgDefinitionKind) i;
	}
	elog(ERROR, "unknown kind of definition: \"%s\"", name);
}

/* {"name": "value", ...} as two arrays */
static void
parse_settings(TpgDefinition *def, Jsonb *settings)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	jv;
	int			n = 0;

	if (!tpg_json_is_object(settings))
		return;
	def->setting_names = palloc(sizeof(char *) * (JB_ROOT_COUNT(settings) + 1));
	def->setting_values = palloc(sizeof(char *) * (JB_ROOT_COUNT(settings) + 1));
	it = JsonbIteratorInit(&settings->root);
	while ((token = JsonbIteratorNext(&it, &jv, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			def->setting_names[n] = pnstrdup(jv.val.string.val, jv.val.string.len);
		else if (token == WJB_VALUE)
			def->setting_values[n++] = tpg_json_scalar_text(tpg_json_value_to_jsonb(&jv));
	}
	def->nsettings = n;
}

static void
parse_sqlstates(TpgDefinition *def, ArrayType *array)
{
	Datum	   *values;
	bool	   *nulls;
	int			count;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	def->failure_sqlstates = palloc(sizeof(int) * (count + 1));
	for (int i = 0; i < count; i++)
	{
		char	   *code = nulls[i] ? NULL : TextDatumGetCString(values[i]);

		if (code != NULL && strlen(code) == 5)
			def->failure_sqlstates[def->nfailure_sqlstates++] =
				MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]);
	}
}

/* Columns 4 to 6, or wherever they begin. */
static char *
row_signature(uint64 r, int column, MemoryContext ctx, TpgFunctionName *function)
{
	function->schema = tpg_row_text(r, column, ctx);
	function->name = tpg_row_text(r, column + 1, ctx);
	function->arguments = tpg_row_text(r, column + 2, ctx);
	return tpg_function_signature(function);
}

static TpgDefinition *
row_definition(int32 namespace_id, TpgDefinitionKind kind)
{
	/* until it is complete, it goes with the transaction if something fails */
	MemoryContext context = AllocSetContextCreate(CurTransactionContext, "temporal_pg definition", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	TpgDefinition *def = palloc0(sizeof(TpgDefinition));
	TpgFunctionName function;

	def->context = context;
	def->id = tpg_row_int32(0, 1);
	def->namespace_id = namespace_id;
	def->kind = kind;
	def->workflow_type = tpg_row_text(0, 2, context);
	def->name = tpg_row_text(0, 3, context);
	def->dynamic = strcmp(kind == TPG_DEF_INIT ? def->workflow_type : def->name, "*") == 0;
	def->signature = row_signature(0, 4, context, &function);
	def->function_schema = function.schema;
	def->function_name = function.name;
	def->function_arguments = function.arguments;
	def->task_queue = tpg_row_text(0, 7, context);
	def->mode = tpg_row_text(0, 8, context);
	def->options = (Jsonb *) tpg_row_varlena(0, 9, context);
	if (def->options == NULL)
		def->options = tpg_json_finish(tpg_json_object());
	parse_settings(def, (Jsonb *) tpg_row_varlena(0, 10, context));
	parse_sqlstates(def, (ArrayType *) tpg_row_varlena(0, 11, context));
	def->versioning_behavior = tpg_row_text(0, 12, context);
	def->owner_name = tpg_row_text(0, 13, context);
	def->version = tpg_row_text(0, 14, context);
	MemoryContextSwitchTo(old);
	return def;
}

/* Only these have one that takes whatever has no other. */
static bool
has_dynamic(TpgDefinitionKind kind)
{
	return kind != TPG_DEF_VALIDATOR && kind != TPG_DEF_INIT;
}

TpgDefinition *
tpg_definition_read(int32 namespace_id, TpgDefinitionKind kind, const char *workflow_type, const char *name)
{
	TpgStoreScope scope;
	Datum		values[5];
	TpgDefinition *def;

	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(tpg_definition_kind_name(kind));
	values[2] = CStringGetTextDatum(name);
	values[3] = CStringGetTextDatum(workflow_type);
	values[4] = has_dynamic(kind) ? CStringGetTextDatum("*") : values[2];
	tpg_store_begin(&scope);
	tpg_plan_execute_latest(TPG_DEF_IS_HANDLER(kind) ? &handler_plan : &type_plan, values, NULL, 1);
	def = SPI_processed == 0 ? NULL : row_definition(namespace_id, kind);
	tpg_store_end(&scope);
	return def;
}

TpgDefinition *
tpg_definition_read_version(int32 namespace_id, TpgDefinitionKind kind, const char *name, const char *version)
{
	TpgStoreScope scope;
	Datum		values[4];
	TpgDefinition *def;

	values[0] = CStringGetTextDatum(version);
	values[1] = CStringGetTextDatum(tpg_definition_kind_name(kind));
	values[2] = CStringGetTextDatum(name);
	values[3] = has_dynamic(kind) ? CStringGetTextDatum("*") : values[2];
	tpg_store_begin(&scope);
	tpg_plan_execute_latest(&version_plan, values, NULL, 1);
	def = SPI_processed == 0 ? NULL : row_definition(namespace_id, kind);
	tpg_store_end(&scope);
	return def;
}

void
tpg_definition_announce_change(void)
{
	CacheInvalidateRelcacheByRelid(tpg_extension_table("definition"));
}

static Datum
text_or_null(const char *value, char *isnull)
{
	*isnull = value == NULL ? 'n' : ' ';
	return value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
}

static Datum
json_or_empty(Jsonb *value)
{
	return JsonbPGetDatum(value != NULL ? value : tpg_json_finish(tpg_json_object()));
}

void
tpg_definition_put(const TpgDefinitionRow *row)
{
	TpgStoreScope scope;
	Datum		values[15];
	char		nulls[15];
	Datum	   *codes = palloc(sizeof(Datum) * (row->nfailure_sqlstates + 1));
	TpgFunctionName function = {(char *) row->function_schema, (char *) row->function_name, (char *) row->function_arguments};

	for (int i = 0; i < row->nfailure_sqlstates; i++)
		codes[i] = CStringGetTextDatum(row->failure_sqlstates[i]);

	memset(nulls, ' ', sizeof(nulls));
	values[0] = Int32GetDatum(row->namespace_id);
	values[1] = CStringGetTextDatum(tpg_definition_kind_name(row->kind));
	values[2] = CStringGetTextDatum(row->workflow_type != NULL ? row->workflow_type : "");
	values[3] = CStringGetTextDatum(row->name);
	values[4] = CStringGetTextDatum(row->function_schema);
	values[5] = CStringGetTextDatum(row->function_name);
	values[6] = CStringGetTextDatum(row->function_arguments);
	values[7] = text_or_null(row->task_queue, &nulls[7]);
	values[8] = text_or_null(row->mode, &nulls[8]);
	values[9] = json_or_empty(row->options);
	values[10] = json_or_empty(row->settings);
	values[11] = PointerGetDatum(construct_array(codes, row->nfailure_sqlstates, TEXTOID, -1, false, TYPALIGN_INT));
	values[12] = CStringGetTextDatum(row->versioning_behavior != NULL ? row->versioning_behavior : "auto_upgrade");
	values[13] = BoolGetDatum(row->with_workflow);
	/* an external activity has no function: it is its registrar's */
	values[14] = CStringGetTextDatum(GetUserNameFromId(row->function_name[0] == '\0' ? GetUserId() :
													   tpg_function_owner(tpg_function_by_name(&function)), false));

	tpg_definition_announce_change();
	tpg_store_begin(&scope);
	tpg_plan_execute(&put_plan, values, nulls, false, 0);
	tpg_store_end(&scope);
}

static bool
delete_row(int32 namespace_id, TpgDefinitionKind kind, const char *workflow_type, const char *name)
{
	TpgStoreScope scope;
	Datum		values[4];
	bool		found;

	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(tpg_definition_kind_name(kind));
	values[2] = CStringGetTextDatum(workflow_type);
	values[3] = CStringGetTextDatum(name);
	tpg_definition_announce_change();
	tpg_store_begin(&scope);
	tpg_plan_execute(&delete_plan, values, NULL, false, 0);
	found = (SPI_processed > 0);
	tpg_store_end(&scope);
	return found;
}

static void
delete_handlers(int32 namespace_id, const char *workflow_type, bool all)
{
	TpgStoreScope scope;
	Datum		values[3];

	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(workflow_type);
	values[2] = BoolGetDatum(all);
	tpg_definition_announce_change();
	tpg_store_begin(&scope);
	tpg_plan_execute(&delete_handlers_plan, values, NULL, false, 0);
	tpg_store_end(&scope);
}

bool
tpg_definition_delete(int32 namespace_id, TpgDefinitionKind kind, const char *name)
{
	bool		found = delete_row(namespace_id, kind, "", name);

	/* after the row itself, whose lock keeps new ones away */
	if (kind == TPG_DEF_WORKFLOW && found)
		delete_handlers(namespace_id, name, true);
	return found;
}

bool
tpg_handler_delete(int32 namespace_id, TpgDefinitionKind kind, const char *workflow_type, const char *name)
{
	bool		found = delete_row(namespace_id, kind, workflow_type, name);

	if (kind == TPG_DEF_UPDATE && found)
		(void) delete_row(namespace_id, TPG_DEF_VALIDATOR, workflow_type, name);
	return found;
}

void
tpg_handler_delete_with_workflow(int32 namespace_id, const char *workflow_type)
{
	delete_handlers(namespace_id, workflow_type, false);
}

bool
tpg_definition_lock_workflow(int32 namespace_id, const char *workflow_type)
{
	TpgStoreScope scope;
	Datum		values[2];
	bool		found;

	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(workflow_type);
	tpg_store_begin(&scope);
	tpg_plan_execute(&lock_plan, values, NULL, false, 0);
	found = (SPI_processed > 0);
	tpg_store_end(&scope);

	/* what whoever held the lock has changed */
	AcceptInvalidationMessages();
	return found;
}

static char **
read_names(TpgPlan *plan, int32 namespace_id, TpgDefinitionKind kind, const char *workflow_type, int *n)
{
	TpgStoreScope scope;
	Datum		values[3];
	char	  **names;

	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(tpg_definition_kind_name(kind));
	values[2] = CStringGetTextDatum(workflow_type);
	tpg_store_begin(&scope);
	tpg_plan_execute_latest(plan, values, NULL, 0);
	*n = SPI_processed;
	names = MemoryContextAlloc(scope.caller_context, sizeof(char *) * (*n + 1));
	for (int i = 0; i < *n; i++)
		names[i] = tpg_row_text(i, 1, scope.caller_context);
	tpg_store_end(&scope);
	return names;
}

char **
tpg_handler_names(int32 namespace_id, TpgDefinitionKind kind, const char *workflow_type, const char *version, int *n)
{
	Assert(TPG_DEF_IS_HANDLER(kind));
	if (version != NULL)
		return read_names(&version_names_plan, namespace_id, kind, version, n);
	return read_names(&handler_names_plan, namespace_id, kind, workflow_type, n);
}

TpgHandlerInfo *
tpg_handler_list(int32 namespace_id, const char *workflow_type, int *n)
{
	TpgStoreScope scope;
	Datum		values[2];
	TpgHandlerInfo *list;
	TpgFunctionName *functions;

	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(workflow_type);
	tpg_store_begin(&scope);
	tpg_plan_execute_latest(&handlers_plan, values, NULL, 0);
	*n = SPI_processed;
	list = MemoryContextAllocZero(scope.caller_context, sizeof(TpgHandlerInfo) * (*n + 1));
	functions = palloc(sizeof(TpgFunctionName) * (*n + 1));
	for (int i = 0; i < *n; i++)
	{
		MemoryContext old;

		list[i].kind = kind_of_name(tpg_row_text(i, 1, CurrentMemoryContext));
		list[i].name = tpg_row_text(i, 2, scope.caller_context);
		old = MemoryContextSwitchTo(scope.caller_context);
		list[i].signature = row_signature(i, 3, scope.caller_context, &functions[i]);
		MemoryContextSwitchTo(old);
	}
	for (int i = 0; i < *n; i++)
	{
		list[i].function = tpg_function_by_name(&functions[i]);
		list[i].owner = OidIsValid(list[i].function) ? tpg_function_owner(list[i].function) : InvalidOid;
	}
	tpg_store_end(&scope);
	return list;
}

void
tpg_definition_not_found(int32 namespace_id, TpgDefinitionKind kind, const char *name)
{
	int			count;
	char	  **names = read_names(&type_names_plan, namespace_id, kind, "", &count);

	tpg_near_names_error(tpg_definition_kind_name(kind), name, names, count);
}
