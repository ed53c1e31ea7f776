/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  Table temporal_internal.definition and the cache in front of it.
 *
 * A backend keeps each definition that it has used, with the function it names
 * resolved.  The cache is emptied when a registration changes the table (relcache
 * invalidation sent by the writers); when any function changes, each definition is
 * checked at its next use and read anew if its own function is another one or
 * another version.  That is how CREATE OR REPLACE, DROP and CREATE, and ALTER ...
 * OWNER reach running workers.
 *
 * What a lookup has returned stays valid until the end of the transaction:
 * definitions that fell out of the cache are freed in a later one.
 *
 * Callers: any floor above, in a transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/errors.h"
#include "base/json.h"
#include "store/definition.h"
#include "store/extension.h"
#include "store/function.h"
#include "store/nearname.h"
#include "store/plan.h"

/* Names that only the dynamic definition serves are unlimited in number; beyond this the cache starts again. */
#define MAX_CACHED 2000

typedef struct CacheKey
{
	int32		namespace_id;
	int32		kind;
	const char *name;
} CacheKey;

typedef struct CacheEntry
{
	CacheKey	key;			/* must be first */
	TpgDefinition *def;
	bool		alias;			/* def belongs to the entry of '*' */
	uint64		functions_seen; /* functions_changed when the function was last checked */
} CacheEntry;

static HTAB *cache = NULL;
static bool cache_valid = true;
static Oid	definition_table = InvalidOid;

/* counts changes of any function or schema */
static uint64 functions_changed = 1;

/* contexts of definitions that are in the cache no more, and since which transaction */
static List *dead_contexts = NIL;
static bool dead_may_go = false;

#define DEFINITION_COLUMNS \
	"id, name, function_schema, function_name, function_arguments, task_queue, mode, options, settings, " \
	"failure_sqlstates, versioning_behavior"

static TpgPlan lookup_plan = {
	.sql = "SELECT " DEFINITION_COLUMNS " FROM temporal_internal.definition "
	"WHERE namespace_id = $1 AND kind = $2 AND name IN ($3, '*') ORDER BY name = '*' LIMIT 1",
	.nargs = 3,.argtypes = {INT4OID, TEXTOID, TEXTOID}
};
static TpgPlan names_plan = {
	.sql = "SELECT name FROM temporal_internal.definition WHERE namespace_id = $1 AND kind = $2 ORDER BY name",
	.nargs = 2,.argtypes = {INT4OID, TEXTOID}
};
static TpgPlan put_plan = {
	.sql = "INSERT INTO temporal_internal.definition (namespace_id, kind, name, function_schema, function_name, "
	"function_arguments, task_queue, mode, options, settings, failure_sqlstates, versioning_behavior) "
	"VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) "
	"ON CONFLICT (namespace_id, kind, name) DO UPDATE SET function_schema = excluded.function_schema, "
	"function_name = excluded.function_name, function_arguments = excluded.function_arguments, "
	"task_queue = excluded.task_queue, mode = excluded.mode, options = excluded.options, "
	"settings = excluded.settings, failure_sqlstates = excluded.failure_sqlstates, "
	"versioning_behavior = excluded.versioning_behavior, registered_at = excluded.registered_at",
	.nargs = 12,.argtypes = {INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
	JSONBOID, JSONBOID, TEXTARRAYOID, TEXTOID}
};
static TpgPlan delete_plan = {
	.sql = "DELETE FROM temporal_internal.definition WHERE namespace_id = $1 AND kind = $2 AND name = $3",
	.nargs = 3,.argtypes = {INT4OID, TEXTOID, TEXTOID}
};

static const char *
kind_name(TpgDefinitionKind kind)
{
	return kind == TPG_DEF_WORKFLOW ? "workflow" : "activity";
}

static void
relcache_changed(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == definition_table)
		cache_valid = false;
}

static void
functions_have_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	functions_changed++;
}

static void
transaction_ended(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			/* nothing is freed here, where no error may happen */
			dead_may_go = (dead_contexts != NIL);
			break;
		default:
			break;
	}
}

void
tpg_definition_init(void)
{
	CacheRegisterRelcacheCallback(relcache_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, functions_have_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, functions_have_changed, (Datum) 0);
	RegisterXactCallback(transaction_ended, NULL);
}

static uint32
key_hash(const void *key, Size size)
{
	const CacheKey *k = key;

	return hash_combine(hash_bytes((const unsigned char *) k->name, strlen(k->name)),
						hash_bytes_uint32((uint32) k->namespace_id * 2 + (uint32) k->kind));
}

static int
key_compare(const void *a, const void *b, Size size)
{
	const CacheKey *x = a;
	const CacheKey *y = b;

	return !(x->namespace_id == y->namespace_id && x->kind == y->kind && strcmp(x->name, y->name) == 0);
}

/* The definition may still be in use in this transaction. */
static void
bury(TpgDefinition *def)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	dead_contexts = lappend(dead_contexts, def->context);
	MemoryContextSwitchTo(old);
}

static void
free_dead(void)
{
	ListCell   *lc;

	if (!dead_may_go)
		return;
	dead_may_go = false;
	foreach(lc, dead_contexts)
		MemoryContextDelete(lfirst(lc));
	list_free(dead_contexts);
	dead_contexts = NIL;
}

static void
cache_flush(void)
{
	HASHCTL		ctl = {.keysize = sizeof(CacheKey),.entrysize = sizeof(CacheEntry),
		.hash = key_hash,.match = key_compare,.hcxt = TopMemoryContext};

	if (cache != NULL)
	{
		HASH_SEQ_STATUS seq;
		CacheEntry *entry;

		hash_seq_init(&seq, cache);
		while ((entry = hash_seq_search(&seq)) != NULL)
		{
			if (!entry->alias)
				bury(entry->def);
		}
		hash_destroy(cache);
		cache = NULL;
	}
	cache = hash_create("temporal_pg definitions", 64, &ctl,
						HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

static void
cache_prepare(void)
{
	free_dead();
	if (cache != NULL && cache_valid && hash_get_num_entries(cache) < MAX_CACHED)
		return;
	definition_table = tpg_extension_table("definition");
	cache_flush();
	cache_valid = true;
}

static CacheEntry *
cache_find(int32 namespace_id, TpgDefinitionKind kind, const char *name)
{
	CacheKey	key = {namespace_id, kind, name};

	return hash_search(cache, &key, HASH_FIND, NULL);
}

static void
cache_enter(TpgDefinition *def, const char *name, bool alias, uint64 seen)
{
	CacheKey	key = {def->namespace_id, def->kind, MemoryContextStrdup(def->context, name)};
	CacheEntry *entry = hash_search(cache, &key, HASH_ENTER, NULL);

	entry->def = def;
	entry->alias = alias;
	entry->functions_seen = seen;
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

/* Finds the function as it is now.  False when that is not what the definition has. */
static bool
resolve_function(TpgDefinition *def, bool assign)
{
	TpgFunctionName name = {def->function_schema, def->function_name, def->function_arguments};
	Oid			function = tpg_function_by_name(&name);
	HeapTuple	tuple = NULL;
	bool		same;

	if (OidIsValid(function))
		tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
	{
		same = !OidIsValid(def->function);
		if (assign)
			def->function = def->owner = InvalidOid;
		return same;
	}
	same = def->function == function &&
		def->fn_xmin == HeapTupleHeaderGetRawXmin(tuple->t_data) &&
		ItemPointerEquals(&def->fn_tid, &tuple->t_self);
	if (assign)
	{
		def->function = function;
		def->owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
		def->fn_xmin = HeapTupleHeaderGetRawXmin(tuple->t_data);
		def->fn_tid = tuple->t_self;
	}
	ReleaseSysCache(tuple);
	return same;
}

/* Reads a definition from the table; NULL when there is none. */
static TpgDefinition *
load(int32 namespace_id, TpgDefinitionKind kind, const char *name)
{
	TpgStoreScope scope;
	Datum		values[3];
	TpgDefinition *def = NULL;
	MemoryContext context;
	MemoryContext old;
	TpgFunctionName function;

	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(kind_name(kind));
	values[2] = CStringGetTextDatum(name);
	tpg_store_begin(&scope);
	tpg_plan_execute_latest(&lookup_plan, values, NULL, 1);
	if (SPI_processed == 0)
	{
		tpg_store_end(&scope);
		return NULL;
	}

	/* until it is complete, it goes with the transaction if something fails */
	context = AllocSetContextCreate(CurTransactionContext, "temporal_pg definition", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	def = palloc0(sizeof(TpgDefinition));
	def->context = context;
	def->id = tpg_row_int32(0, 1);
	def->namespace_id = namespace_id;
	def->kind = kind;
	def->name = tpg_row_text(0, 2, context);
	def->dynamic = (strcmp(def->name, "*") == 0);
	def->function_schema = tpg_row_text(0, 3, context);
	def->function_name = tpg_row_text(0, 4, context);
	def->function_arguments = tpg_row_text(0, 5, context);
	def->task_queue = tpg_row_text(0, 6, context);
	def->mode = tpg_row_text(0, 7, context);
	def->options = (Jsonb *) tpg_row_varlena(0, 8, context);
	if (def->options == NULL)
		def->options = tpg_json_finish(tpg_json_object());
	parse_settings(def, (Jsonb *) tpg_row_varlena(0, 9, context));
	parse_sqlstates(def, (ArrayType *) tpg_row_varlena(0, 10, context));
	def->versioning_behavior = tpg_row_text(0, 11, context);
	function.schema = def->function_schema;
	function.name = def->function_name;
	function.arguments = def->function_arguments;
	def->signature = tpg_function_signature(&function);
	MemoryContextSwitchTo(old);
	tpg_store_end(&scope);

	(void) resolve_function(def, true);
	MemoryContextSetParent(context, TopMemoryContext);
	return def;
}

/* Is the entry's function still the one that it was? */
static bool
cache_entry_is_good(CacheEntry *entry)
{
	uint64		seen = functions_changed;

	if (entry->functions_seen != seen)
	{
		if (!resolve_function(entry->def, false))
			return false;
		entry->functions_seen = seen;
	}
	return true;
}

/*
 * Puts into the cache what was just read.  The dynamic definition is kept once for all the
 * names that it serves, so what is returned may be the copy that was there.
 */
static TpgDefinition *
cache_add(TpgDefinition *def, const char *name, uint64 seen)
{
	CacheEntry *star;

	/* the table changed while it was read: good for this transaction only */
	if (!cache_valid)
	{
		bury(def);
		return def;
	}
	if (!def->dynamic || strcmp(name, "*") == 0)
	{
		cache_enter(def, name, false, seen);
		return def;
	}

	star = cache_find(def->namespace_id, def->kind, "*");
	if (star != NULL && !cache_entry_is_good(star))
	{
		/* its aliases go with it */
		cache_flush();
		star = NULL;
	}
	if (star != NULL)
	{
		MemoryContextDelete(def->context);
		def = star->def;
	}
	else
		cache_enter(def, "*", false, seen);
	cache_enter(def, name, true, seen);
	return def;
}

TpgDefinition *
tpg_definition_lookup(int32 namespace_id, TpgDefinitionKind kind, const char *name, bool missing_ok)
{
	CacheEntry *entry;
	TpgDefinition *def;
	uint64		seen;

	cache_prepare();
	entry = cache_find(namespace_id, kind, name);
	if (entry != NULL)
	{
		if (cache_entry_is_good(entry))
			return entry->def;
		if (entry->def->dynamic)
			cache_flush();
		else
		{
			bury(entry->def);
			hash_search(cache, &entry->key, HASH_REMOVE, NULL);
		}
	}

	/* counted before reading: a change in between makes for one more check */
	seen = functions_changed;
	def = load(namespace_id, kind, name);
	if (def == NULL)
	{
		if (!missing_ok)
			tpg_definition_not_found(namespace_id, kind, name);
		return NULL;
	}
	return cache_add(def, name, seen);
}

Oid
tpg_definition_owner(int32 namespace_id, TpgDefinitionKind kind, const char *name)
{
	TpgDefinition *def = tpg_definition_lookup(namespace_id, kind, name, true);

	return def != NULL ? def->owner : InvalidOid;
}

static void
announce_change(void)
{
	CacheInvalidateRelcacheByRelid(tpg_extension_table("definition"));
	cache_valid = false;
}

static Datum
text_or_null(const char *value, char *isnull)
{
	*isnull = value == NULL ? 'n' : ' ';
	return value == NULL ? (Datum) 0 : CStringGetTextDatum(value);
}

void
tpg_definition_put(const TpgDefinitionRow *row)
{
	TpgStoreScope scope;
	Datum		values[12];
	char		nulls[12];
	Datum	   *codes = palloc(sizeof(Datum) * (row->nfailure_sqlstates + 1));

	for (int i = 0; i < row->nfailure_sqlstates; i++)
		codes[i] = CStringGetTextDatum(row->failure_sqlstates[i]);

	memset(nulls, ' ', sizeof(nulls));
	values[0] = Int32GetDatum(row->namespace_id);
	values[1] = CStringGetTextDatum(kind_name(row->kind));
	values[2] = CStringGetTextDatum(row->name);
	values[3] = CStringGetTextDatum(row->function_schema);
	values[4] = CStringGetTextDatum(row->function_name);
	values[5] = CStringGetTextDatum(row->function_arguments);
	values[6] = text_or_null(row->task_queue, &nulls[6]);
	values[7] = text_or_null(row->mode, &nulls[7]);
	values[8] = JsonbPGetDatum(row->options);
	values[9] = JsonbPGetDatum(row->settings);
	values[10] = PointerGetDatum(construct_array(codes, row->nfailure_sqlstates, TEXTOID, -1, false, TYPALIGN_INT));
	values[11] = CStringGetTextDatum(row->versioning_behavior);

	tpg_store_begin(&scope);
	tpg_plan_execute(&put_plan, values, nulls, false, 0);
	tpg_store_end(&scope);
	announce_change();
}

bool
tpg_definition_delete(int32 namespace_id, TpgDefinitionKind kind, const char *name)
{
	TpgStoreScope scope;
	Datum		values[3];
	bool		found;

	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(kind_name(kind));
	values[2] = CStringGetTextDatum(name);
	tpg_store_begin(&scope);
	tpg_plan_execute(&delete_plan, values, NULL, false, 0);
	found = (SPI_processed > 0);
	tpg_store_end(&scope);
	announce_change();
	return found;
}

bool
tpg_definition_fails_workflow(const TpgDefinition *def, int sqlstate)
{
	for (int i = 0; i < def->nfailure_sqlstates; i++)
	{
		int			listed = def->failure_sqlstates[i];

		/* as in PL/pgSQL, a code that ends in 000 stands for its class */
		if (listed == sqlstate ||
			(ERRCODE_IS_CATEGORY(listed) && ERRCODE_TO_CATEGORY(sqlstate) == listed))
			return true;
	}
	return false;
}

void
tpg_definition_not_found(int32 namespace_id, TpgDefinitionKind kind, const char *name)
{
	TpgStoreScope scope;
	Datum		values[2];
	char	  **names;
	int			count;

	values[0] = Int32GetDatum(namespace_id);
	values[1] = CStringGetTextDatum(kind_name(kind));
	tpg_store_begin(&scope);
	tpg_plan_execute_latest(&names_plan, values, NULL, 0);
	count = SPI_processed;
	names = MemoryContextAlloc(scope.caller_context, sizeof(char *) * (count + 1));
	for (int i = 0; i < count; i++)
		names[i] = tpg_row_text(i, 1, scope.caller_context);
	tpg_store_end(&scope);

	tpg_near_names_error(kind_name(kind), name, names, count);
}
