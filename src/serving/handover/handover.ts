import { isLoaded, isStarting, type VersionState } from '../version-state.ts'

/** A reference (alias, stage, version number): what it should serve and what it serves. Versions by id. */
export interface RefView {
  readonly label: string
  /** Undefined while the registry has never named a version for it. */
  readonly desired: string | undefined
  readonly serving: string | undefined
  /** The loaded version that is being checked before it may take over; `desired` is what serves meanwhile. */
  readonly checking?: string | undefined
  /** The version that stands by while the one that serves is on probation. */
  readonly previous: string | undefined
  /** The version that was unloaded to make room for the one that is wanted, which has not come yet. */
  readonly released?: string | undefined
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
  /** It did not fit beside what was loaded; `made`: what could be spared is unloaded, or about to be. */
  readonly room?: 'needed' | 'made' | undefined
}

/** All that a decision about one model rests on. Times are of one monotonic clock. */
export interface ModelView {
  readonly refs: readonly RefView[]
  readonly versions: readonly VersionView[]
  readonly failures: readonly FailureView[]
  /** Whether a version that serves may be unloaded to make room for the one that is to replace it. */
  readonly memoryFirst?: boolean
}

export type Action =
  /** The reference serves this version from now on. */
  | { readonly kind: 'swap'; readonly ref: string; readonly id: string }
  /** A version that is on its way is not wanted any more. */
  | { readonly kind: 'cancel'; readonly id: string }
  | { readonly kind: 'unload'; readonly id: string }
  /** The version that stands by for a reference makes room for this one. */
  | { readonly kind: 'dismiss'; readonly ref: string; readonly id: string }
  /** References that want this version serve nothing, to make room for it. */
  | { readonly kind: 'release'; readonly refs: readonly string[]; readonly id: string }
  | { readonly kind: 'load'; readonly id: string }
  /** Nothing before this time (Infinity: before something happens). */
  | { readonly kind: 'wait'; readonly until: number }

/**
 * The one next action for a model. Asked again after each, until it says `wait`. Old versions make room before
 * new ones are loaded, but none is unloaded while a reference serves or wants it, unless memory allows only one and
 * settings say that it may be.
 */
export function nextAction(view: ModelView, now: number): Action {
  return nextSwap(view) ?? nextRemoval(view) ?? nextRoom(view) ?? nextLoad(view, now) ?? wait(view)
}

function nextSwap(view: ModelView): Action | undefined {
  for (const ref of view.refs) {
    if (ref.desired === undefined || ref.desired === ref.serving) continue
    const candidate = liveVersion(view, ref.desired)
    if (candidate !== undefined && isLoaded(candidate.state)) {
      return { kind: 'swap', ref: ref.label, id: candidate.id }
    }
    const fallback = liveVersion(view, fallbackOf(view, ref))
    if (fallback !== undefined && isLoaded(fallback.state)) {
      return { kind: 'swap', ref: ref.label, id: fallback.id }
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

/** What stands by goes first; what serves goes only for a version that replaces it wherever it is wanted. */
function nextRoom(view: ModelView): Action | undefined {
  for (const id of missing(view)) {
    if (failureOf(view, id)?.room !== 'needed') continue
    const guarded = view.refs.find(({ previous }) => previous !== undefined)
    if (guarded !== undefined) return { kind: 'dismiss', ref: guarded.label, id }
    const refs = view.refs.filter(
      ({ desired, serving }) =>
        desired === id && serving !== undefined && !isDesired(view, serving),
    )
    if (view.memoryFirst && refs.length > 0) {
      return { kind: 'release', refs: refs.map(({ label }) => label), id }
    }
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
  for (const ref of view.refs) {
    for (const id of [ref.desired, fallbackOf(view, ref)]) {
      if (id !== undefined && liveVersion(view, id) === undefined) ids.add(id)
    }
  }
  return [...ids]
}

/** What a reference goes back to that has given up its version for one that turned out not to load. */
function fallbackOf(view: ModelView, { desired, serving, released }: RefView): string | undefined {
  if (serving !== undefined || released === undefined || desired === undefined) return undefined
  return failureOf(view, desired)?.retryAt === Number.POSITIVE_INFINITY ? released : undefined
}

function failureOf(view: ModelView, id: string): FailureView | undefined {
  return view.failures.find((failure) => failure.id === id)
}

function retryAt(view: ModelView, id: string): number {
  const failure = failureOf(view, id)
  if (failure?.room !== 'made') return failure?.retryAt ?? Number.NEGATIVE_INFINITY
  // What makes room has to be gone: the end of it is heard of.
  const isRoom = view.versions.every(({ state }) => state !== 'draining')
  return isRoom ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

function isWanted(view: ModelView, id: string): boolean {
  return (
    view.refs.some(
      (ref) => ref.serving === id || ref.checking === id || fallbackOf(view, ref) === id,
    ) || isDesired(view, id)
  )
}

function isDesired(view: ModelView, id: string): boolean {
  return view.refs.some((ref) => ref.desired === id)
}

function standsBy(view: ModelView, id: string): boolean {
  return view.refs.some((ref) => ref.previous === id)
}

/** The version with this id that is loaded or on its way: one that drains or has failed does not come back. */
function liveVersion(view: ModelView, id: string | undefined): VersionView | undefined {
  return view.versions.find(
    ({ id: other, state, cancelled }) =>
      other === id && !cancelled && (isLoaded(state) || isStarting(state)),
  )
}
