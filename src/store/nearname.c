/*-------------------------------------------------------------------------
 *
 * nearname.c
 *	  "Did you mean ...": TP014 with the names that are nearly the one given.
 *
 * Pure but for the error that it raises.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "base/errors.h"
#include "store/nearname.h"

#define MAX_SUGGESTIONS 3

/* longer ones the distance function refuses */
#define MAX_COMPARED 255

/* Distance of two names, or a large number. */
static int
distance(const char *a, const char *b, int limit)
{
	int			alen = strlen(a);
	int			blen = strlen(b);

	if (pg_strcasecmp(a, b) == 0)
		return 0;
	if (alen > MAX_COMPARED || blen > MAX_COMPARED)
		return limit + 1;
	return varstr_levenshtein_less_equal(a, alen, b, blen, 1, 1, 1, limit, false);
}

char *
tpg_near_names(const char *name, char **names, int count)
{
	const char *best[MAX_SUGGESTIONS];
	int			best_distance[MAX_SUGGESTIONS];
	int			nbest = 0;
	int			limit = Min(Max((int) strlen(name) / 3, 1), 3);
	StringInfoData hint;

	for (int i = 0; i < count; i++)
	{
		int			d = distance(name, names[i], limit);
		int			at;

		if (d > limit)
			continue;

		/* insertion sort of the few best */
		for (at = nbest; at > 0 && best_distance[at - 1] > d; at--)
		{
			if (at < MAX_SUGGESTIONS)
			{
				best[at] = best[at - 1];
				best_distance[at] = best_distance[at - 1];
			}
		}
		if (at < MAX_SUGGESTIONS)
		{
			best[at] = names[i];
			best_distance[at] = d;
			nbest = Min(nbest + 1, MAX_SUGGESTIONS);
		}
	}

	if (nbest == 0)
		return NULL;
	initStringInfo(&hint);
	appendStringInfoString(&hint, "Perhaps you meant ");
	for (int i = 0; i < nbest; i++)
		appendStringInfo(&hint, "%s\"%s\"", i == 0 ? "" : (i == nbest - 1 ? " or " : ", "), best[i]);
	appendStringInfoChar(&hint, '.');
	return hint.data;
}

void
tpg_near_names_error(const char *what, const char *name, char **names, int count)
{
	char	   *near = tpg_near_names(name, names, count);

	ereport(ERROR,
			(errcode(TPG_ERR_NOT_REGISTERED),
			 errmsg("%s \"%s\" is not registered", what, name),
			 near != NULL ? errhint("%s", near) :
			 errhint("Register it with SELECT temporal.register_%s(%s).", what, quote_literal_cstr(name))));
	pg_unreachable();
}
