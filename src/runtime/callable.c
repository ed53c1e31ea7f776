/*-------------------------------------------------------------------------
 *
 * callable.c
 *	  What a function is to a caller that has its arguments as JSON.
 *
 * Reads system catalogs through their caches.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "runtime/callable.h"

static TpgArgumentKind
scalar_kind(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
			return TPG_ARG_TEXT;
		case BOOLOID:
			return TPG_ARG_BOOL;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return TPG_ARG_INTEGER;
		case NUMERICOID:
			return TPG_ARG_NUMERIC;
		case JSONBOID:
			return TPG_ARG_JSONB;
		case JSONOID:
			return TPG_ARG_JSON;
		default:
			return TPG_ARG_SCALAR;
	}
}

static TpgArgumentKind
argument_kind(Oid type, bool *is_domain)
{
	Oid			base = getBaseType(type);

	*is_domain = (base != type);
	if (OidIsValid(get_element_type(base)))
		return TPG_ARG_ARRAY;
	if (type_is_rowtype(base))
		return TPG_ARG_COMPOSITE;
	if (!*is_domain)
		return scalar_kind(type);

	/* the input function of the domain checks its constraints */
	return (base == JSONBOID || base == JSONOID) ? TPG_ARG_JSON : TPG_ARG_SCALAR;
}

/* Default of input argument `inputno` of `ninputs`, as SQL; NULL when it has none. */
static char *
argument_default(HeapTuple tuple, int inputno, const char *type_name)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);
	int			which = inputno - (proc->pronargs - proc->pronargdefaults);
	Datum		value;
	bool		isnull;
	List	   *defaults;
	char	   *sql;
	int			level;

	if (which < 0)
		return NULL;
	value = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargdefaults, &isnull);
	if (isnull)
		return NULL;
	defaults = castNode(List, stringToNode(TextDatumGetCString(value)));

	/* written so that it means the same under any search_path */
	level = tpg_compat_pin_search_path();
	sql = deparse_expression(list_nth(defaults, which), NIL, false, false);
	tpg_compat_unpin_search_path(level);
	return psprintf("(%s)::%s", sql, type_name);
}

static void
load_argument(TpgArgument *arg, HeapTuple tuple, int inputno, Oid type, const char *name)
{
	Oid			input;

	arg->type = type;
	arg->name = (name != NULL && name[0] != '\0') ? pstrdup(name) : NULL;
	arg->type_name = format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY);
	arg->kind = argument_kind(type, &arg->is_domain);
	arg->dflt = argument_default(tuple, inputno, arg->type_name);
	if (arg->kind == TPG_ARG_SCALAR || arg->kind == TPG_ARG_INTEGER || arg->is_domain)
	{
		getTypeInputInfo(type, &input, &arg->ioparam);
		fmgr_info(input, &arg->input);
	}
}

TpgCallable *
tpg_callable_load(Oid function)
{
	TpgCallable *c = palloc0(sizeof(TpgCallable));
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	Oid		   *types;
	char	  **names;
	char	   *modes;
	int			nall;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	c->name = quote_qualified_identifier(get_namespace_name(proc->pronamespace), NameStr(proc->proname));
	c->result_type = proc->prorettype;
	c->function = function;
	c->procedure = proc->prokind == PROKIND_PROCEDURE;
	c->variadic = OidIsValid(proc->provariadic);
	c->args = palloc0(sizeof(TpgArgument) * (proc->pronargs + 1));

	nall = get_func_arg_info(tuple, &types, &names, &modes);
	for (int i = 0; i < nall; i++)
	{
		if (modes != NULL && (modes[i] == PROARGMODE_OUT || modes[i] == PROARGMODE_TABLE))
			continue;
		load_argument(&c->args[c->nargs], tuple, c->nargs, types[i], names != NULL ? names[i] : NULL);
		c->nargs++;
	}
	Assert(c->nargs == proc->pronargs);

	/* as in SQL, nothing given for VARIADIC is an empty array */
	if (c->variadic && c->args[c->nargs - 1].dflt == NULL)
		c->args[c->nargs - 1].dflt = psprintf("'{}'::%s", c->args[c->nargs - 1].type_name);
	ReleaseSysCache(tuple);
	return c;
}

static void
wrong_kind(const char *signature, const char *what, const char *is)
{
	ereport(ERROR,
			(errcode(ERRCODE_WRONG_OBJECT_TYPE),
			 errmsg("%s cannot be the function of %s", signature, what),
			 errdetail("It is %s.", is),
			 errhint("Use an ordinary function that returns one value.")));
}

static void
wrong_type(const char *signature, const char *what, Oid type, const char *where)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("%s cannot be the function of %s", signature, what),
			 errdetail("It has type %s %s, which cannot be made from or turned into JSON.",
					   format_type_be(type), where)));
}

static void
check_types(Form_pg_proc proc, const char *signature, const char *what)
{
	Oid			result = proc->prorettype;

	for (int i = 0; i < proc->pronargs; i++)
	{
		Oid			type = proc->proargtypes.values[i];

		if (get_typtype(type) == TYPTYPE_PSEUDO)
			wrong_type(signature, what, type, "as an argument");
	}
	if (get_typtype(result) == TYPTYPE_PSEUDO && result != VOIDOID && result != RECORDOID)
		wrong_type(signature, what, result, "as its result");
}

/*
 * A call with all arguments must be able to mean only this function.  f(int) and
 * f(int, int DEFAULT 0) together make f(1) ambiguous, for SQL and so for us.
 */
static void
check_unique(Oid function, Form_pg_proc proc, const char *signature)
{
	List	   *names = list_make2(makeString(get_namespace_name(proc->pronamespace)),
								   makeString(pstrdup(NameStr(proc->proname))));
	FuncCandidateList candidate = FuncnameGetCandidates(names, proc->pronargs, NIL,
														!OidIsValid(proc->provariadic), true, false, true);

	for (; candidate != NULL; candidate = candidate->next)
	{
		if (candidate->nargs == proc->pronargs && candidate->oid != function &&
			memcmp(candidate->args, proc->proargtypes.values, sizeof(Oid) * proc->pronargs) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_AMBIGUOUS_FUNCTION),
					 errmsg("a call of %s is not unique", signature),
					 errhint("Another function of that name takes the same arguments and has defaults for the rest; rename one of them.")));
	}
}

/* A procedure with settings of its own or SECURITY DEFINER is never called so that it may COMMIT. */
static void
check_procedure(HeapTuple tuple, const char *signature, const char *what)
{
	Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(tuple);

	if (proc->prokind != PROKIND_PROCEDURE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s cannot be the procedure of %s of mode autonomous", signature, what),
				 errdetail("It is no procedure, and only that can COMMIT."),
				 errhint("Use CREATE PROCEDURE; or the mode transactional, where what a function does commits with the record of its completion.")));
	if (proc->prosecdef || !heap_attisnull(tuple, Anum_pg_proc_proconfig, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("%s cannot be the procedure of %s of mode autonomous", signature, what),
				 proc->prosecdef ? errdetail("It is SECURITY DEFINER, and PostgreSQL lets such a procedure not COMMIT.") :
				 errdetail("It has a SET clause, and PostgreSQL lets such a procedure not COMMIT."),
				 proc->prosecdef ? errhint("It runs as its owner anyway: ALTER PROCEDURE ... SECURITY INVOKER.") :
				 errhint("ALTER PROCEDURE ... RESET ALL, and give the settings to temporal.register_activity().")));
}

void
tpg_callable_check(Oid function, const char *what, bool dynamic, bool procedure)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	char	   *signature;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	signature = format_procedure(function);

	if (procedure)
		check_procedure(tuple, signature, what);
	switch (proc->prokind)
	{
		case PROKIND_PROCEDURE:
			if (!procedure)
				wrong_kind(signature, what, "a procedure");
			break;
		case PROKIND_AGGREGATE:
			wrong_kind(signature, what, "an aggregate");
			break;
		case PROKIND_WINDOW:
			wrong_kind(signature, what, "a window function");
			break;
		default:
			break;
	}
	if (proc->proretset)
		wrong_kind(signature, what, "a function that returns a set");
	if (proc->prorettype == TRIGGEROID || proc->prorettype == EVENT_TRIGGEROID)
		wrong_kind(signature, what, "a trigger function");
	check_types(proc, signature, what);
	check_unique(function, proc, signature);

	if (dynamic && (proc->pronargs != 2 ||
					proc->proargtypes.values[0] != TEXTOID ||
					proc->proargtypes.values[1] != JSONBOID))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("%s cannot be the function of %s", signature, what),
				 errdetail("The function registered as '*' is called with the name and the input."),
				 errhint("Declare it as f(name text, input jsonb).")));
	ReleaseSysCache(tuple);
}
