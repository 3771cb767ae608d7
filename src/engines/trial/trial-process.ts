import { type ChildProcess, fork } from 'node:child_process'
import { constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../clock.ts'
import { type ErrorCode, ServingError } from '../../errors.ts'
import { FILE_EXTENSION, NODE_FLAGS } from '../build-form.ts'
import type { WorkerAnswers } from '../worker-messages.ts'
import { LastWords } from './last-words.ts'
import { type ProcessMemory, processMemory } from './process-memory.ts'
import { crashed, didNotAnswer, notStarted, tookTooMuch } from './trial-failures.ts'
import type { TrialKind, TrialQuestion, TrialReply, TrialRequest } from './trial-messages.ts'

const FILE = fileURLToPath(new URL(`./trial-child.${FILE_EXTENSION}`, import.meta.url))

/** At a gigabyte a second, 25 MB come between two looks. A look takes 30 us. */
const MEMORY_CHECK_MS = 25

/** A process that the kernel cannot end, such as one that waits for a dead disk, is not waited for longer. */
const END_WAIT_MS = 5_000

/** The most memory that a trial may take, and what it is called when it takes more. */
export interface TrialMemoryLimit {
  readonly bytes: number
  readonly code: Extract<ErrorCode, 'TRIAL_FAILED' | 'INSUFFICIENT_MEMORY'>
}

export interface TrialProcessOptions {
  readonly clock: Clock
  /** Milliseconds from the start of the process to the end of the trial. */
  readonly timeoutMs: number
  /** Asked as a trial starts; undefined where there is no limit. Enforced where there is `/proc`. */
  readonly memoryLimit: () => TrialMemoryLimit | undefined
  /** All that the process sees of the environment. */
  readonly environment: Readonly<Record<string, string>>
}

interface Waiting {
  readonly kind: TrialKind
  resolve(answer: WorkerAnswers[TrialKind]): void
  reject(error: ServingError): void
}

/**
 * The process of one trial, seen from the parent. It ends by {@link end}, by the signal, at its deadline, beyond its
 * memory limit, or by itself; whatever then waits for an answer hears why.
 */
export class TrialProcess {
  readonly #options: TrialProcessOptions
  readonly #child: ChildProcess
  readonly #signal: AbortSignal
  readonly #startedAt: number
  readonly #words = new LastWords()
  readonly #waiting = new Map<number, Waiting>()
  readonly #memoryLimit: TrialMemoryLimit | undefined
  readonly #closed: Promise<void>
  readonly #cancelTimers = new Map<'deadline' | 'memory', () => void>()
  #nextId = 0
  #failure: ServingError | undefined
  #ended = false
  #memory: { before: number; now: number; peak: number } | undefined
  #fastestRunMs: number | undefined
  #cpuMs: number | undefined

  constructor(options: TrialProcessOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
    this.#startedAt = options.clock.monotonic()
    this.#memoryLimit = options.memoryLimit()
    this.#child = fork(FILE, [], {
      execArgv: [...NODE_FLAGS],
      env: { ...options.environment, ORT_DISABLE_TELEMETRY: '1' },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#closed = this.#watch()
    giveWay(this.#child.pid)
    const { clock, timeoutMs } = options
    this.#cancelTimers.set(
      'deadline',
      clock.after(timeoutMs, () => this.#fail(didNotAnswer(timeoutMs, this.#doing()))),
    )
    this.#checkMemory()
    signal.addEventListener('abort', this.#abort, { once: true })
    if (signal.aborted) this.#abort()
  }

  /** Why it ended, unless {@link end} was called first. */
  get failure(): ServingError | undefined {
    return this.#failure
  }

  get totalMs(): number {
    return this.#options.clock.monotonic() - this.#startedAt
  }

  /** Milliseconds of the fastest run, by the clock of the child. */
  get fastestRunMs(): number | undefined {
    return this.#fastestRunMs
  }

  /** CPU milliseconds that it had taken when it last answered. */
  get cpuMs(): number | undefined {
    return this.#cpuMs
  }

  /** Bytes by which it has grown since before it opened the files: now, and at most. */
  get growth(): { readonly bytes: number; readonly peakBytes: number } | undefined {
    if (this.#memory === undefined) return undefined
    const { before, now, peak } = this.#memory
    const bytes = Math.max(0, now - before)
    return { bytes, peakBytes: Math.max(bytes, peak - before) }
  }

  /** @throws ServingError of the child, or why it has ended. */
  post<Kind extends TrialKind>(request: TrialRequest<Kind>): Promise<WorkerAnswers[Kind]> {
    if (this.#ended) return Promise.reject(this.#failure ?? hasEnded())
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      const { kind } = request
      this.#waiting.set(id, {
        kind,
        resolve: resolve as (answer: WorkerAnswers[TrialKind]) => void,
        reject,
      })
      // A channel that is closed is heard of as the end of the process.
      this.#child.send({ id, request } satisfies TrialQuestion, () => {})
    })
  }

  /** Ends the process at once: nothing in it is worth an orderly end. Resolves when it has ended. */
  async end(): Promise<void> {
    this.#stop(hasEnded())
    let cancel = (): void => {}
    const longEnough = new Promise<void>((resolve) => {
      cancel = this.#options.clock.after(END_WAIT_MS, resolve)
    })
    await Promise.race([this.#closed, longEnough])
    cancel()
  }

  /** Resolves when the process has ended and its pipes are closed. */
  #watch(): Promise<void> {
    const child = this.#child
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => this.#words.add(chunk))
    child.on('message', (reply) => this.#answered(reply as TrialReply))
    return new Promise((resolve) => {
      child.on('error', (error) => {
        this.#fail(notStarted(error))
        // One that was never started does not close.
        if (child.pid === undefined) resolve()
      })
      child.on('close', (code, signal) => {
        this.#fail(crashed(code, signal, this.#doing(), this.#words.line))
        resolve()
      })
    })
  }

  #answered({ id, reply, engineMs, cpuMs, memoryBefore, memoryNow }: TrialReply): void {
    this.#cpuMs = cpuMs
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    this.#waiting.delete(id)
    const peak = Math.max(this.#look()?.peakBytes ?? 0, memoryNow)
    this.#memory = { before: memoryBefore, now: memoryNow, peak }
    if ('failure' in reply) {
      const { code, message, details } = reply.failure
      waiting.reject(new ServingError(code, message, { details }))
      return
    }
    if (waiting.kind === 'run') {
      this.#fastestRunMs = Math.min(this.#fastestRunMs ?? engineMs, engineMs)
    }
    waiting.resolve(reply.answer)
  }

  #checkMemory(): void {
    if (this.#memoryLimit === undefined) return
    this.#look()
    if (this.#ended) return
    this.#cancelTimers.set(
      'memory',
      this.#options.clock.after(MEMORY_CHECK_MS, () => this.#checkMemory()),
    )
  }

  /** Looks at its memory, and ends it where that is too much. */
  #look(): ProcessMemory | undefined {
    const { pid } = this.#child
    const memory = pid === undefined ? undefined : processMemory(pid)
    const limit = this.#memoryLimit
    if (memory !== undefined && limit !== undefined && memory.peakBytes > limit.bytes) {
      this.#fail(tookTooMuch(memory.peakBytes, limit, this.#doing()))
    }
    return memory
  }

  /** What it does now. */
  #doing(): TrialKind | undefined {
    for (const { kind } of this.#waiting.values()) return kind
    return undefined
  }

  readonly #abort = (): void => this.#fail(ServingError.from(this.#signal.reason, 'LOAD_FAILED'))

  #fail(failure: ServingError): void {
    if (this.#ended) return
    this.#failure = failure
    this.#stop(failure)
  }

  #stop(why: ServingError): void {
    if (this.#ended) return
    this.#ended = true
    for (const cancel of this.#cancelTimers.values()) cancel()
    this.#signal.removeEventListener('abort', this.#abort)
    this.#child.kill('SIGKILL')
    for (const { reject } of this.#waiting.values()) reject(why)
    this.#waiting.clear()
  }
}

/**
 * Whatever serves goes first: the kernel gives this process a tenth of a core that both want (setpriority(2), a nice value
 * of 10). The lowest priority gives a sixty-ninth: under full load a good version would not end its trial in time. Threads
 * that the process starts later inherit it.
 */
function giveWay(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // It has ended already, which is heard of otherwise.
  }
}

function hasEnded(): ServingError {
  return new ServingError('INTERNAL', 'The trial has ended')
}
