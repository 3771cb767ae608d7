import { createHash, timingSafeEqual } from 'node:crypto'
import type { Context } from 'hono'
import { ServingError } from '../errors.ts'
import type { HttpEnv } from './route-methods.ts'

const LOOPBACK = /^(?:127\.|::1$|::ffff:127\.)/

/**
 * Lets an admin request pass or throws. With a token (BATON_ADMIN_TOKEN) the request must bear it; without
 * one it must come from this machine.
 * @throws ServingError UNAUTHENTICATED.
 */
export function checkAdmin(c: Context<HttpEnv>, token: string | undefined): void {
  if (token === undefined) {
    if (LOOPBACK.test(c.env.incoming.socket.remoteAddress ?? '')) return
    throw new ServingError(
      'UNAUTHENTICATED',
      'Admin routes answer to this machine alone until BATON_ADMIN_TOKEN is set',
    )
  }
  const given = /^Bearer (.+)$/.exec(c.env.incoming.headers.authorization ?? '')?.[1] ?? ''
  if (sameText(given, token)) return
  throw new ServingError(
    'UNAUTHENTICATED',
    'Expected the header "Authorization: Bearer <token>" with the value of BATON_ADMIN_TOKEN',
  )
}

/** Compares in constant time; hashing makes the lengths equal. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
