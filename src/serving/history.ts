import type { DrainEvent, PinEvent, ProbationEvent, SwapEvent, VersionEvent } from './events.ts'

/** One line of a model's recent past. */
export interface HistoryEntry {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly kind: 'version' | 'swap' | 'drain' | 'probation' | 'pin'
  readonly version: string | undefined
  readonly ref: string | undefined
  /** What happened, for people. */
  readonly text: string
}

const KEPT_ENTRIES = 100

/** The last hundred events of a model. */
export class History {
  readonly #entries: HistoryEntry[] = []

  moved(at: number, { version, state, reason }: VersionEvent): void {
    this.#add({ at, kind: 'version', version, ref: undefined, text: `${state}: ${reason}` })
  }

  swapped(at: number, { ref, from, to, result, reason }: SwapEvent): void {
    const text = `${result} (${from ?? 'none'} to ${to ?? 'none'}): ${reason}`
    this.#add({ at, kind: 'swap', version: to, ref, text })
  }

  drained(at: number, { version, durationMs, cutRequests }: DrainEvent): void {
    const text = `drained in ${Math.round(durationMs)} ms, ${cutRequests} requests cut`
    this.#add({ at, kind: 'drain', version, ref: undefined, text })
  }

  probation(at: number, { ref, version, state, reason }: ProbationEvent): void {
    this.#add({ at, kind: 'probation', version, ref, text: `probation ${state}: ${reason}` })
  }

  pinned(at: number, { ref, version, action, reason }: PinEvent): void {
    this.#add({ at, kind: 'pin', version, ref, text: `${action}: ${reason}` })
  }

  /** Oldest first. */
  entries(): readonly HistoryEntry[] {
    return [...this.#entries]
  }

  #add(entry: HistoryEntry): void {
    this.#entries.push(entry)
    if (this.#entries.length > KEPT_ENTRIES) this.#entries.shift()
  }
}
