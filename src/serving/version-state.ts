import { ServingError } from '../errors.ts'

/**
 * The life of one version. Each state says what has already happened:
 *
 * - `resolving`   the registry named it; it waits for its turn to load
 * - `downloading` its files are on their way
 * - `loading`     its files are on disk; a worker opens them
 * - `warming`     it is in memory; checks that it may take over are running
 * - `ready`       it can be acquired
 * - `standby`     nothing leads to it any more, but it stays loaded and can take over in one assignment
 * - `draining`    it cannot be acquired; requests inside it finish
 * - `closed`      its memory was given back
 * - `failed`      it will not serve; stage and reason are kept
 */
export type VersionState =
  | 'resolving'
  | 'downloading'
  | 'loading'
  | 'warming'
  | 'ready'
  | 'standby'
  | 'draining'
  | 'closed'
  | 'failed'

/**
 * The only legal moves. From a state before `ready`, `closed` means that the version was no longer wanted
 * and its loading was cancelled. A version wanted again after `draining`, `closed` or `failed` starts a new life.
 */
export const LEGAL_MOVES: Readonly<Record<VersionState, readonly VersionState[]>> = {
  resolving: ['downloading', 'closed', 'failed'],
  downloading: ['loading', 'closed', 'failed'],
  loading: ['warming', 'closed', 'failed'],
  warming: ['ready', 'closed', 'failed'],
  ready: ['standby', 'draining', 'failed'],
  standby: ['ready', 'draining', 'failed'],
  draining: ['closed', 'failed'],
  closed: [],
  failed: [],
}

/** Checks one move of a version's life. @throws ServingError INTERNAL when the table does not have it. */
export function checkMove(from: VersionState, to: VersionState): void {
  if (LEGAL_MOVES[from].includes(to)) return
  const legal = LEGAL_MOVES[from].join(', ') || 'none'
  throw new ServingError(
    'INTERNAL',
    `A version cannot go from ${from} to ${to} (legal moves: ${legal})`,
  )
}

/** Whether the version is on its way to `ready`. */
export function isStarting(state: VersionState): boolean {
  return (
    state === 'resolving' || state === 'downloading' || state === 'loading' || state === 'warming'
  )
}

/** Whether the version is in memory and can answer. */
export function isLoaded(state: VersionState): boolean {
  return state === 'ready' || state === 'standby'
}
