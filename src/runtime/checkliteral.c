/*-------------------------------------------------------------------------
 * runtime/checkliteral.c - the static check: literals that mean the present time.
 *
 * 'now'::timestamptz is a constant as soon as it is analysed: of how it was
 * written only its place in the source is left.  PostgreSQL's own scanner
 * reads the literal there, and its own date parser tells what the words in it mean.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "common/keywords.h"
#include "miscadmin.h"
#include "parser/scanner.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "runtime/checkliteral.h"

/* Token codes that every parser on top of the core scanner shares (parser/scanner.h). */
#define TOKEN_SCONST 261
#define TOKEN_USCONST 262

/* A date or time, or a container of them. */
static bool
holds_times(Oid type)
{
	Oid			inner;

	check_stack_depth();
	type = getBaseType(type);
	switch (type)
	{
		case DATEOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return true;
		default:
			break;
	}
	if (type < FirstGenbkiObjectId && get_typtype(type) == TYPTYPE_BASE && !OidIsValid(get_element_type(type)))
		return false;
	if (OidIsValid(inner = get_element_type(type)) || OidIsValid(inner = get_range_subtype(type)) ||
		OidIsValid(inner = get_multirange_range(type)))
		return holds_times(inner);
	if (get_typtype(type) == TYPTYPE_COMPOSITE)
	{
		TupleDesc	desc = lookup_rowtype_tupdesc_copy(type, -1);

		for (int i = 0; i < desc->natts; i++)
		{
			if (!TupleDescAttr(desc, i)->attisdropped && holds_times(TupleDescAttr(desc, i)->atttypid))
				return true;
		}
	}
	return false;
}

/* The string literal that begins there; NULL: none does. */
static char *
literal_at(const char *source, int location)
{
	core_yy_extra_type extra;
	core_YYSTYPE value;
	YYLTYPE		where;
	core_yyscan_t scanner;
	int			token;
	char	   *text = NULL;

	if (location < 0 || location > strlen(source))
		return NULL;
	scanner = scanner_init(source + location, &extra, &ScanKeywords, ScanKeywordTokens);
	extra.escape_string_warning = false;
	token = core_yylex(&value, &where, scanner);
	if (token == TOKEN_SCONST || token == TOKEN_USCONST)
		text = pstrdup(value.str);
	scanner_finish(scanner);
	return text;
}

static const char *
word_of_the_present(const char *text)
{
	char		work[MAXDATELEN + MAXDATEFIELDS];
	char	   *field[MAXDATEFIELDS];
	int			ftype[MAXDATEFIELDS];
	int			n;
	int			value;

	if (ParseDateTime(text, work, sizeof(work), field, ftype, MAXDATEFIELDS, &n) != 0)
		return NULL;
	for (int i = 0; i < n; i++)
	{
		if ((ftype[i] == DTK_STRING || ftype[i] == DTK_SPECIAL) && DecodeSpecial(i, field[i], &value) == RESERV &&
			(value == DTK_NOW || value == DTK_TODAY || value == DTK_TOMORROW || value == DTK_YESTERDAY))
			return pstrdup(field[i]);
	}
	return NULL;
}

const char *
tpg_check_literal_text(const char *text, Oid type)
{
	const char *word = NULL;
	char	   *copy;

	if (!holds_times(type))
		return NULL;
	/* elements of arrays and ranges, fields of rows */
	copy = pstrdup(text);
	for (char *piece = strtok(copy, "{}[](),\"\\"); piece != NULL && word == NULL; piece = strtok(NULL, "{}[](),\"\\"))
		word = word_of_the_present(piece);
	return word;
}

const char *
tpg_check_literal(const Const *constant, const char *source)
{
	char	   *text;

	if (constant->constisnull || source == NULL || constant->location < 0 || !holds_times(constant->consttype))
		return NULL;
	text = literal_at(source, constant->location);
	return text ? tpg_check_literal_text(text, constant->consttype) : NULL;
}
