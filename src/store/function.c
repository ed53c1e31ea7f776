/*-------------------------------------------------------------------------
 *
 * function.c
 *	  Functions by name: as users write them, and as the tables keep them.
 *
 * Never by OID: OIDs don't survive dump and restore, nor DROP and CREATE.
 * Reads system catalogs through their caches; results are palloc'd in the current
 * memory context.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "store/function.h"

static void
undefined_function(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_FUNCTION),
			 errmsg("function \"%s\" does not exist", text),
			 errhint("Create the function first, or give its name in the argument \"function\": name, schema.name, or name(argument types).")));
}

/* Position of the first parenthesis outside of a quoted identifier, or -1. */
static int
argument_list_start(const char *text)
{
	bool		quoted = false;

	for (int i = 0; text[i] != '\0'; i++)
	{
		if (text[i] == '"')
			quoted = !quoted;
		else if (text[i] == '(' && !quoted)
			return i;
	}
	return -1;
}

/*
 * Runs one of PostgreSQL's own parsers of function names; its errors get a HINT.  A name
 * with argument types gives the OID, one without gives the list of its parts.
 */
static Oid
parse_function_name(const char *text, bool with_arguments, List **names)
{
	MemoryContext context = CurrentMemoryContext;
	volatile Oid result = InvalidOid;

	PG_TRY();
	{
		if (with_arguments)
			result = DatumGetObjectId(DirectFunctionCall1(regprocedurein, CStringGetDatum(text)));
		else
			*names = tpg_qualified_name_list(text);
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		/* only the words change; the error goes on, so no subtransaction is needed */
		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		if (edata->sqlerrcode == ERRCODE_INVALID_NAME || edata->sqlerrcode == ERRCODE_INVALID_TEXT_REPRESENTATION)
			edata->message = psprintf("invalid function name: \"%s\"", text);
		if (edata->hint == NULL)
			edata->hint = pstrdup("A function is given as name, schema.name, or name(argument types), where needed in the argument \"function\".");
		ReThrowError(edata);
	}
	PG_END_TRY();
	return result;
}

/* "greet(text), greet(integer)" */
static char *
candidate_list(List *candidates)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, candidates)
	{
		if (buf.len > 0)
			appendStringInfoString(&buf, ", ");
		if (list_cell_number(candidates, lc) == 5)
		{
			appendStringInfoString(&buf, "and more");
			break;
		}
		appendStringInfoString(&buf, format_procedure(lfirst_oid(lc)));
	}
	return buf.data;
}

Oid
tpg_function_by_text(const char *text)
{
	FuncCandidateList found;
	List	   *names = NIL;
	List	   *own = NIL;
	List	   *builtin = NIL;

	if (argument_list_start(text) >= 0)
		return parse_function_name(text, true, NULL);

	(void) parse_function_name(text, false, &names);
	found = FuncnameGetCandidates(names, -1, NIL, false, false, false, true);

	/* a type "PlaceOrder" may well be a function of just that name */
	if (found == NULL)
		found = FuncnameGetCandidates(list_make1(makeString(pstrdup(text))), -1, NIL, false, false, false, true);
	for (; found != NULL; found = found->next)
	{
		if (get_func_namespace(found->oid) == PG_CATALOG_NAMESPACE)
			builtin = lappend_oid(builtin, found->oid);
		else
			own = lappend_oid(own, found->oid);
	}

	/* nobody who has a function "log" of his own means the logarithm */
	if (own == NIL)
		own = builtin;
	if (own == NIL)
		undefined_function(text);
	if (list_length(own) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_AMBIGUOUS_FUNCTION),
				 errmsg("function name \"%s\" is not unique", text),
				 errdetail("There are %s.", candidate_list(own)),
				 errhint("Give the argument types: '%s'.", format_procedure(linitial_oid(own)))));
	return linitial_oid(own);
}

/* The types of an argument list; false when one of them does not exist. */
static bool
argument_types(const char *arguments, Oid *types, int *count)
{
	char	   *copy = pstrdup(arguments);
	char	   *start = copy;
	bool		quoted = false;

	*count = 0;
	if (arguments[0] == '\0')
		return true;
	for (char *p = copy;; p++)
	{
		bool		end = (*p == '\0');

		if (*p == '"')
			quoted = !quoted;
		if (!end && (*p != ',' || quoted))
			continue;
		*p = '\0';
		if (*count >= FUNC_MAX_ARGS)
			return false;
		types[*count] = tpg_type_by_name(start);
		if (!OidIsValid(types[*count]))
			return false;
		(*count)++;
		if (end)
			break;
		start = p + 1;
	}
	return true;
}

Oid
tpg_function_by_name(const TpgFunctionName *name)
{
	Oid			schema = get_namespace_oid(name->schema, true);
	Oid			types[FUNC_MAX_ARGS];
	int			count;

	if (!OidIsValid(schema) || !argument_types(name->arguments, types, &count))
		return InvalidOid;
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(name->name),
						   PointerGetDatum(buildoidvector(types, count)),
						   ObjectIdGetDatum(schema));
}

TpgFunctionName *
tpg_function_name(Oid function)
{
	TpgFunctionName *result = palloc(sizeof(TpgFunctionName));
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	StringInfoData args;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	result->schema = get_namespace_name(proc->pronamespace);
	result->name = pstrdup(NameStr(proc->proname));
	initStringInfo(&args);
	for (int i = 0; i < proc->pronargs; i++)
	{
		if (i > 0)
			appendStringInfoString(&args, ", ");
		appendStringInfoString(&args, format_type_extended(proc->proargtypes.values[i], -1, FORMAT_TYPE_FORCE_QUALIFY));
	}
	result->arguments = args.data;
	ReleaseSysCache(tuple);
	return result;
}

Oid
tpg_function_owner(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	return owner;
}

char *
tpg_function_signature(const TpgFunctionName *name)
{
	return psprintf("%s(%s)", quote_qualified_identifier(name->schema, name->name), name->arguments);
}
