/*-------------------------------------------------------------------------
 * store/qualify.c - calls by name get the schema of a version.
 *
 * A version's schema stands first in the search_path, which is not enough: PostgreSQL looks for
 * a function in all schemas of the path, and one further back whose arguments fit better wins.
 * Where the call names the schema, there is no other to win.
 *
 * Where a call is, PostgreSQL's parser says.  A name that a function of PostgreSQL itself or of an
 * extension has as well is left alone: which of them is meant is known only to the analysis.
 *
 * Looks into catalogs, in a transaction; results in the current memory context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_proc.h"
#include "lib/stringinfo.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "store/qualify.h"

typedef struct Calls
{
	Oid			schema;
	List	   *places;			/* offsets in the text */
} Calls;

static bool
is_of_user(Oid function)
{
	return function >= FirstNormalObjectId && !OidIsValid(getExtensionOfObject(ProcedureRelationId, function));
}

/* `others`: has somebody beside users one of this name? */
static bool
look_up(Oid schema, const char *name, bool *others)
{
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
	bool		found = false;

	*others = false;
	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		found |= proc->pronamespace == schema;
		*others |= proc->pronamespace != schema && !is_of_user(proc->oid);
	}
	ReleaseSysCacheList(list);
	return found;
}

bool
tpg_qualify_is_known(Oid schema, const char *name)
{
	bool		others;

	return look_up(schema, name, &others) || others;
}

static bool
find_calls(Node *node, void *context)
{
	Calls	   *calls = context;

	if (node == NULL)
		return false;
	if (IsA(node, FuncCall))
	{
		FuncCall   *call = (FuncCall *) node;
		bool		others;

		if (list_length(call->funcname) == 1 && call->location >= 0 &&
			look_up(calls->schema, strVal(linitial(call->funcname)), &others) && !others)
			calls->places = list_append_unique_int(calls->places, call->location);
	}
	return raw_expression_tree_walker(node, find_calls, calls);
}

static int
compare_places(const ListCell *a, const ListCell *b)
{
	return lfirst_int(a) - lfirst_int(b);
}

char *
tpg_qualify_calls(const char *source, RawParseMode mode, Oid schema)
{
	Calls		calls = {.schema = schema};
	const char *prefix;
	StringInfoData buf;
	int			at = 0;
	ListCell   *lc;

	foreach(lc, raw_parser(source, mode))
	{
		Node	   *stmt = lfirst_node(RawStmt, lc)->stmt;

		/* of commands the walker knows only those that have a plan */
		switch (nodeTag(stmt))
		{
			case T_SelectStmt:
			case T_InsertStmt:
			case T_UpdateStmt:
			case T_DeleteStmt:
			case T_MergeStmt:
			case T_PLAssignStmt:
				(void) find_calls(stmt, &calls);
				break;
			case T_CallStmt:
				(void) find_calls((Node *) ((CallStmt *) stmt)->funccall, &calls);
				break;
			default:
				break;
		}
	}
	if (calls.places == NIL)
		return NULL;
	list_sort(calls.places, compare_places);
	prefix = quote_identifier(get_namespace_name(schema));
	initStringInfo(&buf);
	foreach(lc, calls.places)
	{
		appendBinaryStringInfo(&buf, source + at, lfirst_int(lc) - at);
		appendStringInfo(&buf, "%s.", prefix);
		at = lfirst_int(lc);
	}
	appendStringInfoString(&buf, source + at);
	return buf.data;
}
