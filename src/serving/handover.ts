import { isLoaded, isStarting, type VersionState } from './version-state.ts'

/** A reference (alias, stage, version number): what it should serve and what it serves. Versions by id. */
export interface RefView {
  readonly label: string
  /** Undefined while the registry has never named a version for it. */
  readonly desired: string | undefined
  readonly serving: string | undefined
  /** The version that stands by while the one that serves is on probation. */
  readonly previous: string | undefined
}

export interface VersionView {
  /** Version and identity: the same number registered again is another id. */
  readonly id: string
  readonly state: VersionState
  /** On its way, but told to stop: as good as gone. */
  readonly cancelled: boolean
}

export interface FailureView {
  readonly id: string
  /** Time from which the version may be tried again; Infinity: not before its reference moves or a person clears it. */
  readonly retryAt: number
}

/** All that a decision about one model rests on. Times are of one monotonic clock. */
export interface ModelView {
  readonly refs: readonly RefView[]
  readonly versions: readonly VersionView[]
  readonly failures: readonly FailureView[]
}

export type Action =
  /** The reference serves this version from now on. */
  | { readonly kind: 'swap'; readonly ref: string; readonly id: string }
  /** A version that is on its way is not wanted any more. */
  | { readonly kind: 'cancel'; readonly id: string }
  | { readonly kind: 'unload'; readonly id: string }
  | { readonly kind: 'load'; readonly id: string }
  /** Nothing before this time (Infinity: before something happens). */
  | { readonly kind: 'wait'; readonly until: number }

/**
 * The one next action for a model. Asked again after each, until it says `wait`. Old versions make room before
 * new ones are loaded, but none is unloaded while a reference serves or wants it.
 */
export function nextAction(view: ModelView, now: number): Action {
  return nextSwap(view) ?? nextRemoval(view) ?? nextLoad(view, now) ?? wait(view)
}

function nextSwap(view: ModelView): Action | undefined {
  for (const ref of view.refs) {
    if (ref.desired === undefined || ref.desired === ref.serving) continue
    const candidate = liveVersion(view, ref.desired)
    if (candidate !== undefined && isLoaded(candidate.state)) {
      return { kind: 'swap', ref: ref.label, id: candidate.id }
    }
  }
  return undefined
}

function nextRemoval(view: ModelView): Action | undefined {
  for (const { id, state, cancelled } of view.versions) {
    if (isWanted(view, id)) continue
    if (isStarting(state) && !cancelled) return { kind: 'cancel', id }
    if (isLoaded(state) && !standsBy(view, id)) return { kind: 'unload', id }
  }
  return undefined
}

function nextLoad(view: ModelView, now: number): Action | undefined {
  for (const id of missing(view)) {
    if (retryAt(view, id) <= now) return { kind: 'load', id }
  }
  return undefined
}

function wait(view: ModelView): Action {
  let until = Number.POSITIVE_INFINITY
  for (const id of missing(view)) until = Math.min(until, retryAt(view, id))
  return { kind: 'wait', until }
}

/** Versions that a reference wants and that are neither loaded nor on their way. */
function missing(view: ModelView): string[] {
  const ids = new Set<string>()
  for (const { desired } of view.refs) {
    if (desired !== undefined && liveVersion(view, desired) === undefined) ids.add(desired)
  }
  return [...ids]
}

function retryAt(view: ModelView, id: string): number {
  return view.failures.find((failure) => failure.id === id)?.retryAt ?? Number.NEGATIVE_INFINITY
}

function isWanted(view: ModelView, id: string): boolean {
  return view.refs.some((ref) => ref.desired === id || ref.serving === id)
}

function standsBy(view: ModelView, id: string): boolean {
  return view.refs.some((ref) => ref.previous === id)
}

/** The version with this id that is loaded or on its way: one that drains or has failed does not come back. */
function liveVersion(view: ModelView, id: string): VersionView | undefined {
  return view.versions.find(
    ({ id: other, state, cancelled }) =>
      other === id && !cancelled && (isLoaded(state) || isStarting(state)),
  )
}
