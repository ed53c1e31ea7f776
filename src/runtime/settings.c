/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The settings that a function was registered with, for as long as it runs.
 *
 * A function must not behave differently because another process runs it than
 * its author's psql: names are found in the author's search_path, and dates read
 * and printed in the author's style.  The temporary schema always comes last, since
 * it would otherwise be searched first, and whoever owns it could put a table in
 * front of the author's.
 *
 * tpg_settings_enter() runs as the user whose code follows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "base/json.h"
#include "ipc/slots.h"
#include "runtime/settings.h"

/* What a registration records besides search_path. */
static const char *const captured[] = {
	"TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits",
	/*
	 * Whatever else of the session would show in what the code computes.  Not
	 * lc_*: a locale that the machine of a restore has not would stop all.
	 */
	"bytea_output", "transform_null_equals", "array_nulls", "xmlbinary", "xmloption",
	"default_text_search_config"
};

/* Recorded where the session has set it for itself. */
#define DETERMINISM "temporal_pg.determinism"

/* Settings that would take the ground from under the engine. */
static const char *const refused[] = {
	"role", "session_authorization", "is_superuser",
	"transaction_isolation", "transaction_read_only", "transaction_deferrable",
	"default_transaction_isolation", "default_transaction_read_only", "default_transaction_deferrable",
	"synchronous_commit", "session_replication_role"
};

/* Recorded by every registration? */
static bool
is_captured(const char *name)
{
	if (strcmp(name, "search_path") == 0)
		return true;
	for (int i = 0; i < lengthof(captured); i++)
		if (strcmp(name, captured[i]) == 0)
			return true;
	return false;
}

/*
 * Sets those that differ from what is in force: comparing is much cheaper than
 * setting.  search_path is compared only where the process has one role, since
 * what is in force may have been computed for another.
 */
static void
apply_settings(const TpgDefinition *def, GucAction action, bool one_role, bool all)
{
	for (int i = 0; i < def->nsettings; i++)
	{
		const char *name = def->setting_names[i];
		const char *value = def->setting_values[i];
		const char *current;

		if (value == NULL)
			continue;
		/* not every definition has it, to set it back: search_path and the like alone */
		if (action == GUC_ACTION_SET && !all && !is_captured(name))
			continue;

		if (one_role || strcmp(name, "search_path") != 0)
		{
			current = GetConfigOption(name, true, false);
			if (current != NULL && strcmp(current, value) == 0)
				continue;
		}
		(void) set_config_option(name, value, superuser() ? PGC_SUSET : PGC_USERSET,
								 PGC_S_SESSION, action, true, 0, false);
	}
}

/* {name: value}, valid for the current user. */
static void
apply_given(const Jsonb *settings, GucAction action)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	char	   *name = NULL;

	if (settings == NULL || !tpg_json_is_object(settings))
		return;
	it = JsonbIteratorInit((JsonbContainer *) &settings->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE)
			(void) set_config_option(name, tpg_json_scalar_text(tpg_json_value_to_jsonb(&v)),
									 superuser() ? PGC_SUSET : PGC_USERSET, PGC_S_SESSION, action, true, 0, false);
	}
}

void
tpg_settings_leave(int level)
{
	AtEOXact_GUC(false, level);
}

int
tpg_settings_enter(const TpgDefinition *def)
{
	int			level = NewGUCNestLevel();

	apply_settings(def, GUC_ACTION_SAVE, tpg_in_executor(), true);
	return level;
}

void
tpg_settings_adopt(const TpgDefinition *def)
{
	apply_settings(def, GUC_ACTION_SET, true, false);
}

void
tpg_settings_session(const TpgDefinition *def, const Jsonb *more)
{
	apply_settings(def, GUC_ACTION_SET, true, true);
	apply_given(more, GUC_ACTION_SET);
}

void
tpg_settings_add(const Jsonb *settings)
{
	apply_given(settings, GUC_ACTION_SAVE);
}

void
tpg_settings_session_end(void)
{
	/* those of a background process were set so that this goes back to them (worker/bgw) */
	ResetAllOptions();
}

/* search_path with "$user" replaced and the temporary schema moved to the end */
static char *
captured_search_path(void)
{
	char	   *raw = pstrdup(namespace_search_path);
	List	   *names;
	ListCell   *lc;
	StringInfoData buf;

	initStringInfo(&buf);
	if (!SplitIdentifierString(raw, ',', &names))
		elog(ERROR, "invalid list syntax in search_path");
	foreach(lc, names)
	{
		const char *name = lfirst(lc);

		if (strcmp(name, "$user") == 0)
		{
			name = GetUserNameFromId(GetUserId(), false);
			if (!OidIsValid(get_namespace_oid(name, true)))
				continue;
		}
		if (strcmp(name, "pg_temp") == 0)
			continue;
		appendStringInfo(&buf, "%s, ", quote_identifier(name));
	}
	appendStringInfoString(&buf, "pg_temp");
	return buf.data;
}

Jsonb *
tpg_settings_capture(void)
{
	TpgJson    *b = tpg_json_object();

	tpg_json_add_text(b, "search_path", captured_search_path());
	for (int i = 0; i < lengthof(captured); i++)
		tpg_json_add_text(b, captured[i], GetConfigOption(captured[i], false, false));

	/* else what the process is configured with holds, and can be changed there */
	if (strcmp(GetConfigOption(DETERMINISM, false, false), GetConfigOptionResetString(DETERMINISM)) != 0)
		tpg_json_add_text(b, DETERMINISM, GetConfigOption(DETERMINISM, false, false));
	return tpg_json_finish(b);
}

char *
tpg_settings_canonical_name(const char *name)
{
	if (pg_strcasecmp(name, "search_path") == 0)
		return pstrdup("search_path");
	for (int i = 0; i < lengthof(captured); i++)
	{
		if (pg_strcasecmp(name, captured[i]) == 0)
			return pstrdup(captured[i]);
	}
	return pstrdup(name);
}

static void
check_one(const char *name, const char *value)
{
	for (int i = 0; i < lengthof(refused); i++)
	{
		if (pg_strcasecmp(name, refused[i]) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("setting \"%s\" cannot be part of a registration", name)));
	}
	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("value of setting \"%s\" must not be null", name)));

	/* only looks whether it could be set, by the user who will have to */
	(void) set_config_option(name, value, superuser() ? PGC_SUSET : PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, false, ERROR, false);
}

void
tpg_settings_validate(const Jsonb *settings, Oid owner)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	jv;
	char	   *name = NULL;
	Oid			user;
	int			sec_context;

	if (settings == NULL)
		return;
	if (!tpg_json_is_object(settings))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("settings must be a JSON object of names and values"),
				 errhint("For example: {\"work_mem\": \"64MB\"}.")));

	/* an error needs no way back: the abort restores the user */
	GetUserIdAndSecContext(&user, &sec_context);
	SetUserIdAndSecContext(owner, sec_context | SECURITY_LOCAL_USERID_CHANGE);
	it = JsonbIteratorInit((JsonbContainer *) &settings->root);
	while ((token = JsonbIteratorNext(&it, &jv, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			name = pnstrdup(jv.val.string.val, jv.val.string.len);
		else if (token == WJB_VALUE)
			check_one(name, tpg_json_scalar_text(tpg_json_value_to_jsonb(&jv)));
	}
	SetUserIdAndSecContext(user, sec_context);
}
