/*-------------------------------------------------------------------------
 * runtime/role.c - user code runs as its owner.
 *
 * Security-restricted operation on top of the local switch: user code in
 * somebody else's session cannot change roles back, make temporary objects or
 * leave anything behind that would run later as the session's user.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "runtime/role.h"

void
tpg_role_enter(TpgRoleScope *scope, Oid owner, bool restricted)
{
	GetUserIdAndSecContext(&scope->user, &scope->sec_context);
	if (owner != scope->user || restricted)
		SetUserIdAndSecContext(owner, scope->sec_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

void
tpg_role_leave(const TpgRoleScope *scope)
{
	SetUserIdAndSecContext(scope->user, scope->sec_context);
}
