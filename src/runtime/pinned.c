/*-------------------------------------------------------------------------
 * runtime/pinned.c - pinned code calls what its version has.
 *
 * Registration has seen to it that all that the code reaches lies in the version's schema.
 * What is created afterwards may fit a call better, in another schema of the search_path.  So:
 *
 * - Calls by name in the copies name the schema.  Of a function in language SQL the copy's text
 *   does (store/versioncopy).  One in PL/pgSQL keeps its text, and its expressions are changed
 *   when it is compiled, before any of them is made ready: PL/pgSQL tells its plugins of each
 *   function that begins.  Another plugin that is there is told as well.
 * - What gets by that (names that PostgreSQL has as well, dynamic SQL, other languages) is seen
 *   when a query is analysed, and ends the workflow task or the query before it runs: a function
 *   of users outside of the version, where the version, PostgreSQL or an extension has that name, too.
 *   One whose name nobody else has is what registration could not see, and has warned of.
 *
 * Runs in a transaction, in the process that runs the code.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "base/errors.h"
#include "runtime/checkplpgsql.h"
#include "runtime/pinned.h"
#include "store/function.h"
#include "store/qualify.h"
#include "store/versioncopy.h"

/* ---------- PL/pgSQL ---------- */

/* A compiled function that was looked at; its memory may be that of another one by now. */
typedef struct LookedAt
{
	PLpgSQL_function *function; /* key */
	Oid			oid;
	TransactionId xmin;
	ItemPointerData tid;
} LookedAt;

static HTAB *looked_at = NULL;
static PLpgSQL_plugin *other_plugin = NULL;
static PLpgSQL_plugin plugin;

static void
qualify_expression(PLpgSQL_expr *expr, void *arg)
{
	PLpgSQL_function *function = arg;
	char	   *query;

	/* made ready already: then it has found what there was */
	if (expr->plan != NULL)
		return;
	query = tpg_qualify_calls(expr->query, expr->parseMode, get_func_namespace(function->fn_oid));
	if (query != NULL)
		expr->query = MemoryContextStrdup(function->fn_cxt, query);
}

void
tpg_pinned_qualify(PLpgSQL_function *function)
{
	LookedAt   *seen;
	Oid			schema;
	bool		found;

	if (!OidIsValid(function->fn_oid))
		return;
	if (looked_at == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(PLpgSQL_function *), .entrysize = sizeof(LookedAt)};

		looked_at = hash_create("temporal_pg functions of versions", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	seen = hash_search(looked_at, &function, HASH_ENTER, &found);
	if (found && seen->oid == function->fn_oid && seen->xmin == tpg_plpgsql_xmin(function) &&
		ItemPointerEquals(&seen->tid, &tpg_plpgsql_tid(function)))
		return;
	/* an error below: looked at again the next time */
	seen->oid = InvalidOid;
	schema = get_func_namespace(function->fn_oid);
	if (tpg_version_is_name(get_namespace_name(schema)) && tpg_version_schema_is_ours(schema))
	{
		MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "temporal_pg calls", ALLOCSET_SMALL_SIZES);
		MemoryContext old = MemoryContextSwitchTo(context);

		tpg_plpgsql_expressions(function, qualify_expression, function);
		MemoryContextSwitchTo(old);
		MemoryContextDelete(context);
	}
	seen->oid = function->fn_oid;
	seen->xmin = tpg_plpgsql_xmin(function);
	seen->tid = tpg_plpgsql_tid(function);
}

static void
function_begins(PLpgSQL_execstate *estate, PLpgSQL_function *function)
{
	tpg_pinned_qualify(function);
	if (other_plugin == NULL)
		return;
	/* what PL/pgSQL has filled in */
	other_plugin->error_callback = plugin.error_callback;
	other_plugin->assign_expr = plugin.assign_expr;
	other_plugin->assign_value = plugin.assign_value;
	other_plugin->eval_datum = plugin.eval_datum;
	other_plugin->cast_value = plugin.cast_value;
	if (other_plugin->func_setup)
		other_plugin->func_setup(estate, function);
}

void
tpg_pinned_enter(const TpgActivation *act)
{
	static bool installed = false;
	PLpgSQL_plugin **current;

	/* once: one that has come after may hand on to this one */
	if (act->run->exec->version == NULL || installed)
		return;
	current = (PLpgSQL_plugin **) find_rendezvous_variable("PLpgSQL_plugin");
	other_plugin = *current;
	if (other_plugin != NULL)
		plugin = *other_plugin;
	plugin.func_setup = function_begins;
	*current = &plugin;
	installed = true;
}

/* ---------- other texts ---------- */

static Oid
schema_of(const TpgActivation *act)
{
	return act->run->exec->version != NULL ? get_namespace_oid(act->run->exec->version, true) : InvalidOid;
}

const char *
tpg_pinned_text(const TpgActivation *act, const char *source)
{
	Oid			schema = schema_of(act);
	char	   *changed = OidIsValid(schema) ? tpg_qualify_calls(source, RAW_PARSE_DEFAULT, schema) : NULL;

	return changed != NULL ? changed : source;
}

/* ---------- the net ---------- */

typedef struct Look
{
	Oid			schema;
	Oid			outside;		/* what was found */
} Look;

static bool
is_outside(Oid function, void *context)
{
	Look	   *look = context;

	if (function < FirstNormalObjectId || get_func_namespace(function) == look->schema ||
		OidIsValid(getExtensionOfObject(ProcedureRelationId, function)) ||
		!tpg_qualify_is_known(look->schema, get_func_name(function)))
		return false;
	look->outside = function;
	return true;
}

static bool
find_outside(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->commandType == CMD_UTILITY && IsA(query->utilityStmt, CallStmt))
			return find_outside((Node *) ((CallStmt *) query->utilityStmt)->funcexpr, context);
		return query_tree_walker(query, find_outside, context, 0);
	}
	return check_functions_in_node(node, is_outside, context) || expression_tree_walker(node, find_outside, context);
}

void
tpg_pinned_look(TpgActivation *act, Query *query)
{
	Look		look = {.schema = schema_of(act)};
	char	   *message;
	char	   *detail;
	char	   *hint = "Rename that function or drop it. A workflow task is tried again by itself.";

	if (!OidIsValid(look.schema) || !find_outside((Node *) query, &look))
		return;
	message = "pinned workflow code calls a function that is not of its version";
	detail = psprintf("It calls %s, and not what schema \"%s\" has.", tpg_function_signature(tpg_function_name(look.outside)), act->run->exec->version);
	if (!act->read_only)
		tpg_activation_fatal(act, TPG_ERR_DETERMINISM_VIOLATION, message, detail, hint);
	ereport(ERROR,
			(errcode(TPG_ERR_DETERMINISM_VIOLATION),
			 errmsg_internal("%s", message),
			 errdetail_internal("%s", detail),
			 errhint("%s", hint)));
}
