/*-------------------------------------------------------------------------
 *
 * handlers.c
 *	  Registering the handlers of a workflow type: signals, queries, updates with
 *	  their validators, init.
 *
 * All code of a workflow type belongs to one role, because a process never runs the code
 * of two: that is checked whenever a handler or the workflow is registered, with the
 * workflow's row locked.
 *
 * What the SQL functions promise is in the COMMENTs of sql/again/10_definitions.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "api/args.h"
#include "api/client.h"
#include "api/registration.h"
#include "base/errors.h"
#include "base/ident.h"
#include "base/json.h"
#include "runtime/callable.h"
#include "runtime/pin.h"
#include "store/function.h"
#include "store/namespace.h"
#include "store/nearname.h"

PG_FUNCTION_INFO_V1(tpg_sql_register_signal_handler);
PG_FUNCTION_INFO_V1(tpg_sql_register_query_handler);
PG_FUNCTION_INFO_V1(tpg_sql_register_update_handler);
PG_FUNCTION_INFO_V1(tpg_sql_unregister_handler);

/* A handler's code must belong to this role. */
typedef struct WorkflowCode
{
	int32		namespace_id;
	const char *type;
	const char *signature;		/* of the workflow's function */
	Oid			owner;
	bool		with_workflow;	/* this is register_workflow() */
} WorkflowCode;

static const char *
name_word(TpgDefinitionKind kind)
{
	return psprintf("%s name", tpg_definition_kind_name(kind == TPG_DEF_VALIDATOR ? TPG_DEF_UPDATE : kind));
}

static char *
role_name(Oid role)
{
	return GetUserNameFromId(role, false);
}

static void
check_same_owner(const WorkflowCode *code, Oid function, const char *signature)
{
	Oid			owner = tpg_function_owner(function);

	if (owner == code->owner)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("function %s cannot be a handler of workflow \"%s\"", signature, code->type),
			 errdetail("It belongs to \"%s\", but %s, the function of the workflow, to \"%s\"; a process never runs the code of two roles.",
					   role_name(owner), code->signature, role_name(code->owner)),
			 errhint("ALTER FUNCTION %s OWNER TO %s gives both to one role.",
					 signature, quote_identifier(role_name(code->owner)))));
}

static bool
same_arguments(const TpgCallable *a, const TpgCallable *b)
{
	if (a->nargs != b->nargs || a->variadic != b->variadic)
		return false;
	for (int i = 0; i < a->nargs; i++)
	{
		const TpgArgument *x = &a->args[i];
		const TpgArgument *y = &b->args[i];

		if (x->type != y->type || (x->dflt == NULL) != (y->dflt == NULL))
			return false;
		if (x->name == NULL ? y->name != NULL : (y->name == NULL || strcmp(x->name, y->name) != 0))
			return false;
	}
	return true;
}

/* The input that the handler would take must be one that the validator takes. */
static void
check_same_arguments(const TpgDefinitionRow *row, Oid handler, Oid validator)
{
	/* names do not matter where both are called with the update's name and its input */
	if (strcmp(row->name, "*") == 0 ||
		same_arguments(tpg_callable_load(handler), tpg_callable_load(validator)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
			 errmsg("%s cannot be the validator of update \"%s\"",
					tpg_function_signature(tpg_function_name(validator)), row->name),
			 errdetail("Its arguments are not those of the handler, %s.",
					   tpg_function_signature(tpg_function_name(handler))),
			 errhint("Declare it with the same names and types, and defaults for the same arguments.")));
}

/* Makes the row of a handler; `function` is what the user calls it. */
static TpgDefinitionRow *
handler_row(const WorkflowCode *code, TpgDefinitionKind kind, const char *name, const char *function, Oid *oid)
{
	TpgDefinitionRow *row = palloc0(sizeof(TpgDefinitionRow));
	TpgFunctionName function_name;

	if (kind != TPG_DEF_INIT)
		tpg_register_check_name(name, name_word(kind));
	if (function == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("handler must not be null")));
	row->namespace_id = code->namespace_id;
	row->kind = kind;
	row->workflow_type = code->type;
	row->name = name;
	row->with_workflow = code->with_workflow;
	*oid = tpg_register_function(row, function);
	function_name.schema = unconstify(char *, row->function_schema);
	function_name.name = unconstify(char *, row->function_name);
	function_name.arguments = unconstify(char *, row->function_arguments);
	check_same_owner(code, *oid, tpg_function_signature(&function_name));
	return row;
}

static List *
add_handler(List *rows, const WorkflowCode *code, TpgDefinitionKind kind, const char *name,
			const char *function, const char *validator)
{
	Oid			oid;
	Oid			validator_oid;

	rows = lappend(rows, handler_row(code, kind, name, function, &oid));
	tpg_register_check_determinism(oid);
	if (validator != NULL)
	{
		TpgDefinitionRow *row = handler_row(code, TPG_DEF_VALIDATOR, name, validator, &validator_oid);

		check_same_arguments(row, oid, validator_oid);
		tpg_register_check_determinism(validator_oid);
		rows = lappend(rows, row);
	}
	return rows;
}

static void
bad_handlers(const char *argument, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 name == NULL ? errmsg("%s must be a JSON object", argument) :
			 errmsg("%s has no function for \"%s\"", argument, name),
			 strcmp(argument, "updates") == 0 ?
			 errhint("Write {\"name\": \"handler\", \"other name\": [\"handler\", \"validator\"]}.") :
			 errhint("Write {\"name\": \"handler\", \"other name\": \"other handler\"}.")));
}

static char *
string_value(const JsonbValue *jv)
{
	if (jv == NULL || jv->type != jbvString)
		return NULL;
	return pnstrdup(jv->val.string.val, jv->val.string.len);
}

/* {"name": "handler"}, of updates also {"name": ["handler", "validator"]} */
static List *
add_handlers(List *rows, const WorkflowCode *code, TpgDefinitionKind kind, const char *argument, Jsonb *given)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	jv;
	char	   *name = NULL;

	if (given == NULL)
		return rows;
	if (!tpg_json_is_object(given))
		bad_handlers(argument, NULL);
	it = JsonbIteratorInit(&given->root);
	while ((token = JsonbIteratorNext(&it, &jv, true)) != WJB_DONE)
	{
		char	   *function = NULL;
		char	   *validator = NULL;

		if (token == WJB_KEY)
			name = pnstrdup(jv.val.string.val, jv.val.string.len);
		if (token != WJB_VALUE)
			continue;
		if (kind == TPG_DEF_UPDATE && jv.type == jbvBinary && JsonContainerIsArray(jv.val.binary.data))
		{
			JsonbContainer *pair = jv.val.binary.data;

			validator = string_value(getIthJsonbValueFromContainer(pair, 1));
			if (JsonContainerSize(pair) == 2 && validator != NULL)
				function = string_value(getIthJsonbValueFromContainer(pair, 0));
		}
		else
			function = string_value(&jv);
		if (function == NULL)
			bad_handlers(argument, name);
		rows = add_handler(rows, code, kind, name, function, validator);
	}
	return rows;
}

List *
tpg_handlers_check(const TpgDefinitionRow *workflow, Oid function, const TpgHandlersGiven *given)
{
	WorkflowCode code = {workflow->namespace_id, workflow->name,
		tpg_function_signature(tpg_function_name(function)), tpg_function_owner(function), true};
	List	   *rows = NIL;

	if (given->init != NULL)
		rows = add_handler(rows, &code, TPG_DEF_INIT, "", given->init, NULL);
	rows = add_handlers(rows, &code, TPG_DEF_SIGNAL, "signals", given->signals);
	rows = add_handlers(rows, &code, TPG_DEF_QUERY, "queries", given->queries);
	return add_handlers(rows, &code, TPG_DEF_UPDATE, "updates", given->updates);
}

static void
put_rows(List *rows)
{
	ListCell   *lc;

	foreach(lc, rows)
	{
		TpgDefinitionRow *row = lfirst(lc);

		/* the validator that it had is not that of the new handler */
		if (row->kind == TPG_DEF_UPDATE)
			(void) tpg_handler_delete(row->namespace_id, TPG_DEF_VALIDATOR, row->workflow_type, row->name);
		tpg_definition_put(row);
	}
}

void
tpg_handlers_put(const TpgDefinitionRow *workflow, Oid function, List *handlers)
{
	Oid			owner = tpg_function_owner(function);
	TpgHandlerInfo *all;
	int			n;

	tpg_handler_delete_with_workflow(workflow->namespace_id, workflow->name);
	put_rows(handlers);

	/* those that were registered separately */
	all = tpg_handler_list(workflow->namespace_id, workflow->name, &n);
	for (int i = 0; i < n; i++)
	{
		if (all[i].owner == owner || !OidIsValid(all[i].owner))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("function %s cannot be that of workflow \"%s\"",
						tpg_function_signature(tpg_function_name(function)), workflow->name),
				 errdetail("It belongs to \"%s\", but %s, which handles %s \"%s\", to \"%s\"; a process never runs the code of two roles.",
						   role_name(owner), all[i].signature, tpg_definition_kind_name(all[i].kind), all[i].name,
						   role_name(all[i].owner)),
				 errhint("ALTER FUNCTION %s OWNER TO %s gives both to one role; temporal.unregister_handler() removes the handler.",
						 all[i].signature, quote_identifier(role_name(owner)))));
	}
}

/* The namespace of the session, where the user may register, and the workflow type is registered. */
static int32
namespace_with_workflow(const char *type)
{
	int32		namespace_id;

	tpg_id_check(type, "workflow type");
	namespace_id = tpg_namespace_current();
	tpg_access_require(namespace_id, TPG_ACCESS_AUTHOR);
	if (!tpg_definition_lock_workflow(namespace_id, type))
		tpg_definition_not_found(namespace_id, TPG_DEF_WORKFLOW, type);
	return namespace_id;
}

static void
register_handler(FunctionCallInfo fcinfo, const char *what, TpgDefinitionKind kind, const char *validator)
{
	WorkflowCode code = {.type = tpg_arg_text(fcinfo, 0)};
	TpgDefinition *workflow;

	tpg_outside_to_write(what);
	code.namespace_id = namespace_with_workflow(code.type);
	workflow = tpg_definition_lookup(code.namespace_id, TPG_DEF_WORKFLOW, code.type, false);
	if (!OidIsValid(workflow->function))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function %s of workflow \"%s\" does not exist", workflow->signature, code.type),
				 errhint("Create it again, or register another function under that name.")));
	code.signature = workflow->signature;
	code.owner = workflow->owner;
	put_rows(add_handler(NIL, &code, kind, tpg_arg_text(fcinfo, 1), tpg_arg_text(fcinfo, 2), validator));
	tpg_pin_workflow(code.namespace_id, code.type);
}

Datum
tpg_sql_register_signal_handler(PG_FUNCTION_ARGS)
{
	register_handler(fcinfo, "register_signal_handler", TPG_DEF_SIGNAL, NULL);
	PG_RETURN_VOID();
}

Datum
tpg_sql_register_query_handler(PG_FUNCTION_ARGS)
{
	register_handler(fcinfo, "register_query_handler", TPG_DEF_QUERY, NULL);
	PG_RETURN_VOID();
}

Datum
tpg_sql_register_update_handler(PG_FUNCTION_ARGS)
{
	register_handler(fcinfo, "register_update_handler", TPG_DEF_UPDATE, tpg_arg_text(fcinfo, 3));
	PG_RETURN_VOID();
}

static TpgDefinitionKind
handler_kind(const char *word)
{
	if (word == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("kind must not be null")));
	for (int kind = TPG_DEF_SIGNAL; kind <= TPG_DEF_INIT; kind++)
	{
		if (strcmp(word, tpg_definition_kind_name(kind)) == 0)
			return kind;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid kind of handler: \"%s\"", word),
			 errhint("Possible are signal, query, update, validator and init.")));
}

static void
handler_not_found(int32 namespace_id, TpgDefinitionKind kind, const char *type, const char *name)
{
	const char *what = tpg_definition_kind_name(kind);
	int			count;
	char	  **names = tpg_handler_names(namespace_id, kind, type, NULL, &count);
	char	   *near = tpg_near_names(name, names, count);

	if (kind == TPG_DEF_INIT)
		ereport(ERROR,
				(errcode(TPG_ERR_NOT_REGISTERED),
				 errmsg("workflow \"%s\" has no init", type)));
	ereport(ERROR,
			(errcode(TPG_ERR_NOT_REGISTERED),
			 errmsg("workflow \"%s\" has no %s \"%s\"", type,
					kind == TPG_DEF_VALIDATOR ? "validator of update" : psprintf("handler of %s", what), name),
			 near != NULL ? errhint("%s", near) :
			 errhint("View temporal.definition shows what is registered.")));
}

Datum
tpg_sql_unregister_handler(PG_FUNCTION_ARGS)
{
	char	   *type = tpg_arg_text(fcinfo, 0);
	TpgDefinitionKind kind = handler_kind(tpg_arg_text(fcinfo, 1));
	char	   *name = tpg_arg_text(fcinfo, 2);
	int32		namespace_id;

	tpg_outside_to_write("unregister_handler");
	if (kind == TPG_DEF_INIT)
	{
		if (name != NULL && name[0] != '\0')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("an init has no name: \"%s\"", name)));
		name = "";
	}
	else
		tpg_id_check(name, name_word(kind));
	namespace_id = namespace_with_workflow(type);
	tpg_register_check_present(namespace_id, TPG_DEF_WORKFLOW, type);
	if (!tpg_handler_delete(namespace_id, kind, type, name))
		handler_not_found(namespace_id, kind, type, name);
	tpg_pin_workflow(namespace_id, type);
	PG_RETURN_VOID();
}
