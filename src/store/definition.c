/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  The cache in front of table temporal_internal.definition.
 *
 * A backend keeps each definition that it has used, with the function it names
 * resolved, and which handlers it has looked for in vain.  The cache is emptied when
 * a registration changes the table (relcache invalidation sent by the writers); when
 * any function changes, each definition is checked at its next use and read anew if
 * its own function is another one or another version.  That is how CREATE OR REPLACE,
 * DROP and CREATE, and ALTER ... OWNER reach running workers.
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
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "base/errors.h"
#include "base/json.h"
#include "store/definition_table.h"
#include "store/extension.h"
#include "store/function.h"
#include "store/version.h"

/* Names that only a dynamic definition or none serves are unlimited in number; beyond this the cache starts again. */
#define MAX_CACHED 2000

typedef struct CacheKey
{
	int32		namespace_id;
	int32		kind;
	const char *workflow_type;	/* of a run that looks for a handler; else '' */
	const char *name;
	const char *version;		/* of a pinned run; else '' */
} CacheKey;

typedef struct CacheEntry
{
	CacheKey	key;			/* must be first */
	TpgDefinition *def;			/* NULL: there is none */
	bool		alias;			/* def belongs to the entry of a '*' */
	uint64		functions_seen; /* functions_changed when the function was last checked */
} CacheEntry;

static HTAB *cache = NULL;
static MemoryContext cache_context = NULL;	/* of the table and its keys */
static bool cache_valid = true;
static Oid	definition_table = InvalidOid;

/* counts changes of any function or schema */
static uint64 functions_changed = 1;

/* counts these, and changes of registrations */
static uint64 generation = 1;

/* contexts of definitions that are in the cache no more, and whether their transaction is over */
static List *dead_contexts = NIL;
static bool dead_may_go = false;

static void
relcache_changed(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == definition_table)
	{
		cache_valid = false;
		generation++;
	}
}

static void
functions_have_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	functions_changed++;
	generation++;
}

uint64
tpg_definition_generation(void)
{
	return generation;
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
	uint32		hash = hash_bytes_uint32((uint32) k->namespace_id * 8 + (uint32) k->kind);

	hash = hash_combine(hash, hash_bytes((const unsigned char *) k->name, strlen(k->name)));
	hash = hash_combine(hash, hash_bytes((const unsigned char *) k->workflow_type, strlen(k->workflow_type)));
	return k->version[0] == '\0' ? hash : hash_combine(hash, hash_bytes((const unsigned char *) k->version, strlen(k->version)));
}

static int
key_compare(const void *a, const void *b, Size size)
{
	const CacheKey *x = a;
	const CacheKey *y = b;

	return !(x->namespace_id == y->namespace_id && x->kind == y->kind &&
			 strcmp(x->name, y->name) == 0 && strcmp(x->workflow_type, y->workflow_type) == 0 &&
			 strcmp(x->version, y->version) == 0);
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
	.hash = key_hash,.match = key_compare};

	if (cache != NULL)
	{
		HASH_SEQ_STATUS seq;
		CacheEntry *entry;

		hash_seq_init(&seq, cache);
		while ((entry = hash_seq_search(&seq)) != NULL)
		{
			if (entry->def != NULL && !entry->alias)
				bury(entry->def);
		}
		cache = NULL;
		MemoryContextReset(cache_context);
	}
	if (cache_context == NULL)
		cache_context = AllocSetContextCreate(TopMemoryContext, "temporal_pg definition cache", ALLOCSET_DEFAULT_SIZES);
	ctl.hcxt = cache_context;
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
cache_find(const CacheKey *key)
{
	return hash_search(cache, key, HASH_FIND, NULL);
}

/* `key` is not there yet. */
static void
cache_enter(const CacheKey *key, TpgDefinition *def, bool alias, uint64 seen)
{
	CacheKey	kept = *key;
	CacheEntry *entry;

	kept.workflow_type = MemoryContextStrdup(cache_context, key->workflow_type);
	kept.name = MemoryContextStrdup(cache_context, key->name);
	kept.version = MemoryContextStrdup(cache_context, key->version);
	entry = hash_search(cache, &kept, HASH_ENTER, NULL);
	entry->def = def;
	entry->alias = alias;
	entry->functions_seen = seen;
}

/* The entry's function is another one now. */
static void
cache_forget(CacheEntry *entry)
{
	TpgDefinition *def = entry->def;
	CacheKey	key = entry->key;

	/* it may have aliases, which go with it */
	if (entry->alias || strcmp(def->name, "*") == 0 || strcmp(def->workflow_type, "*") == 0)
	{
		cache_flush();
		return;
	}
	hash_search(cache, &key, HASH_REMOVE, NULL);
	pfree(unconstify(char *, key.workflow_type));
	pfree(unconstify(char *, key.name));
	pfree(unconstify(char *, key.version));
	bury(def);
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

	/*
	 * The owner is read anew each time, as SECURITY DEFINER does; but where a
	 * superuser has made another function under this name, it takes a
	 * registration of a superuser's function to run that.
	 */
	if (HeapTupleIsValid(tuple) && superuser_arg(((Form_pg_proc) GETSTRUCT(tuple))->proowner))
	{
		Oid			registered = get_role_oid(def->owner_name, true);

		if (!OidIsValid(registered) || !superuser_arg(registered))
		{
			ReleaseSysCache(tuple);
			tuple = NULL;
		}
	}
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

/*
 * A version has code as long as all of its copies are there: in the place of one that is gone,
 * a call by name would find today's function.
 */
static void
resolve_copies(TpgDefinition *def)
{
	MemoryContext old = MemoryContextSwitchTo(def->context);

	def->copies = tpg_version_copies(def->version);
	if (def->copies == NIL)
		def->function = def->owner = InvalidOid;
	MemoryContextSwitchTo(old);
}

static bool
copies_are_there(const TpgDefinition *def)
{
	Oid			schema = def->copies != NIL ? get_namespace_oid(def->version, true) : InvalidOid;
	ListCell   *lc;

	foreach(lc, def->copies)
	{
		if (!OidIsValid(schema) || get_func_namespace(lfirst_oid(lc)) != schema)
			return false;
	}
	return true;
}

/* Is the entry's function still the one that it was? */
static bool
cache_entry_is_good(CacheEntry *entry)
{
	uint64		seen = functions_changed;

	if (entry->def != NULL && entry->functions_seen != seen)
	{
		if (!resolve_function(entry->def, false) || !copies_are_there(entry->def))
			return false;
		entry->functions_seen = seen;
	}
	return true;
}

/*
 * Puts into the cache what was just read.  A dynamic definition is kept once for all the
 * names that it serves, so what is returned may be the copy that was there.
 */
static TpgDefinition *
cache_add(TpgDefinition *def, const CacheKey *key, uint64 seen)
{
	CacheKey	own = {key->namespace_id, key->kind, def->workflow_type, def->name, key->version};
	CacheEntry *there;

	/* the table changed while it was read: good for this transaction only */
	if (!cache_valid)
	{
		bury(def);
		return def;
	}
	if (key_compare(key, &own, sizeof(CacheKey)) == 0)
	{
		cache_enter(key, def, false, seen);
		return def;
	}

	there = cache_find(&own);
	if (there != NULL && there->def == NULL)
	{
		/* registered since, of which we are told only later */
		cache_valid = false;
		bury(def);
		return def;
	}
	if (there != NULL && !cache_entry_is_good(there))
	{
		cache_forget(there);
		there = NULL;
	}
	if (there != NULL)
	{
		MemoryContextDelete(def->context);
		def = there->def;
	}
	else
		cache_enter(&own, def, false, seen);
	cache_enter(key, def, true, seen);
	return def;
}

/* The definition for a key; NULL when there is none. */
static TpgDefinition *
lookup(int32 namespace_id, TpgDefinitionKind kind, const char *workflow_type, const char *name, const char *version)
{
	CacheKey	key = {namespace_id, kind, workflow_type, name, version != NULL ? version : ""};
	CacheEntry *entry;
	TpgDefinition *def;
	uint64		seen;

	cache_prepare();
	entry = cache_find(&key);
	if (entry != NULL)
	{
		if (cache_entry_is_good(entry))
			return entry->def;
		cache_forget(entry);
	}

	/* counted before reading: a change in between makes for one more check */
	seen = functions_changed;
	def = version != NULL ? tpg_definition_read_version(namespace_id, kind, name, version) :
		tpg_definition_read(namespace_id, kind, workflow_type, name);
	if (def == NULL)
	{
		/* types are not looked for again and again, so only handlers are remembered as missing */
		if (TPG_DEF_IS_HANDLER(kind) && cache_valid)
			cache_enter(&key, NULL, false, seen);
		return NULL;
	}
	(void) resolve_function(def, true);
	if (version != NULL && kind == TPG_DEF_WORKFLOW)
		resolve_copies(def);
	MemoryContextSetParent(def->context, TopMemoryContext);
	return cache_add(def, &key, seen);
}

/* Made once a process. */
static TpgDefinition *
builtin_sql(void)
{
	static TpgDefinition def = {.kind = TPG_DEF_ACTIVITY, .builtin = true, .workflow_type = "", .name = TPG_ACTIVITY_SQL,
		.signature = TPG_ACTIVITY_SQL, .mode = "autonomous", .owner_name = "", .versioning_behavior = "auto_upgrade"};

	if (def.options == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		def.options = tpg_json_finish(tpg_json_object());
		MemoryContextSwitchTo(old);
	}
	return &def;
}

TpgDefinition *
tpg_definition_lookup(int32 namespace_id, TpgDefinitionKind kind, const char *name, bool missing_ok)
{
	TpgDefinition *def;

	Assert(!TPG_DEF_IS_HANDLER(kind));
	def = lookup(namespace_id, kind, "", name, NULL);
	if (kind == TPG_DEF_ACTIVITY && (def == NULL || def->dynamic) && strcmp(name, TPG_ACTIVITY_SQL) == 0)
		def = builtin_sql();
	if (def == NULL && !missing_ok)
		tpg_definition_not_found(namespace_id, kind, name);
	return def;
}

TpgDefinition *
tpg_definition_of_run(int32 namespace_id, const char *workflow_type, const char *version)
{
	return lookup(namespace_id, TPG_DEF_WORKFLOW, "", workflow_type, version);
}

TpgDefinition *
tpg_definition_require(int32 namespace_id, const char *workflow_type, const char *version)
{
	TpgDefinition *def = tpg_definition_of_run(namespace_id, workflow_type, version);

	if (version != NULL && (def == NULL || !OidIsValid(def->function)))
		ereport(ERROR,
				(errcode(TPG_ERR_NOT_REGISTERED),
				 errmsg("version \"%s\" of workflow type \"%s\" does not exist", version, workflow_type),
				 def != NULL ? errdetail("Its function was %s.", def->signature) : 0,
				 errhint("Registering the same functions again with versioning_behavior => 'pinned' makes it again.")));
	if (def == NULL)
		tpg_definition_not_found(namespace_id, TPG_DEF_WORKFLOW, workflow_type);
	if (!OidIsValid(def->function))
		ereport(ERROR,
				(errcode(TPG_ERR_NOT_REGISTERED),
				 errmsg("function %s of workflow type \"%s\" does not exist", def->signature, workflow_type),
				 errhint("Create it again, or register another one with temporal.register_workflow().")));
	return def;
}

/*
 * Registration has checked that a handler belongs to the role of its workflow, but functions
 * change hands, and one that was dropped may be created again by anybody.
 */
static void
check_handler_owner(const TpgDefinition *def, const char *workflow_type, const char *version)
{
	TpgDefinition *workflow = tpg_definition_of_run(def->namespace_id, workflow_type, version);

	if (workflow == NULL || workflow->owner == def->owner ||
		!OidIsValid(workflow->owner) || !OidIsValid(def->owner))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("function %s cannot handle %s \"%s\" of workflow \"%s\"", def->signature,
					tpg_definition_kind_name(def->kind), def->name, def->workflow_type),
			 errdetail("It belongs to another role than %s, the function of the workflow; a process never runs the code of two roles.",
					   workflow->signature),
			 errhint("ALTER FUNCTION ... OWNER TO gives both to one role.")));
}

static TpgDefinition *
handler_of(int32 namespace_id, TpgDefinitionKind kind, const char *workflow_type, const char *version, const char *name)
{
	TpgDefinition *def = lookup(namespace_id, kind, workflow_type, name, version);

	if (def != NULL)
		check_handler_owner(def, workflow_type, version);
	return def;
}

TpgDefinition *
tpg_handler_lookup(int32 namespace_id, TpgDefinitionKind kind, const char *workflow_type, const char *version,
				   const char *name)
{
	TpgDefinition *def;

	Assert(TPG_DEF_IS_HANDLER(kind));
	if (kind == TPG_DEF_VALIDATOR)
	{
		/* that of the handler that takes the update, be it the dynamic one */
		TpgDefinition *handler = tpg_handler_lookup(namespace_id, TPG_DEF_UPDATE, workflow_type, version, name);

		return handler == NULL ? NULL : handler_of(namespace_id, kind, handler->workflow_type, version, handler->name);
	}
	def = handler_of(namespace_id, kind, workflow_type, version, name);
	if (def == NULL || (!OidIsValid(def->function) && kind != TPG_DEF_INIT))
		return NULL;
	return def;
}

Oid
tpg_definition_owner_of_run(int32 namespace_id, const char *workflow_type, const char *version)
{
	TpgDefinition *def = tpg_definition_of_run(namespace_id, workflow_type, version);

	return def != NULL ? def->owner : InvalidOid;
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
