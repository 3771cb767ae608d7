import type { Clock } from '../clock.ts'
import type { Config } from '../config/read-config.ts'
import { ServingError } from '../errors.ts'
import type { ServedFromCache } from '../http/health-routes.ts'
import type { RegistryView } from '../http/models-routes.ts'
import type { Registry } from '../interfaces.ts'
import type { Logger } from '../log.ts'
import type { ServingMetrics } from '../metrics.ts'
import { type ModelRef, refLabel, servedName } from '../model/model-uri.ts'
import { RegistryFollower } from '../registry/follower.ts'
import type { PollStatus, RefResolution } from '../registry/model-poll.ts'
import type { DesiredSink } from '../serving/pins/pinned-refs.ts'
import type { ColdStart } from './cold-start.ts'

export interface FeedParts {
  readonly config: Config
  readonly registry: Registry
  readonly models: DesiredSink
  readonly coldStart: ColdStart
  readonly metrics: ServingMetrics
  readonly clock: Clock
  readonly log: Logger
}

/** Carries what the registry says to the manager, and tells logs and metrics how the registry is doing. */
export class RegistryFeed {
  readonly #parts: FeedParts
  readonly #follower: RegistryFollower
  /** What each model is followed by. */
  readonly #labels = new Map<string, readonly string[]>()
  /** What was last logged of each reference, so that a lasting trouble is one line. */
  readonly #told = new Map<string, string>()
  /** Models about which the registry has said something, if only that it does not know them. */
  readonly #answered = new Set<string>()
  /** References that a start without the registry serves as they were served last; empty for a model without any. */
  readonly #fromCache = new Map<string, readonly ServedFromCache[]>()
  readonly #recalls = new Set<Promise<void>>()

  constructor(parts: FeedParts, refs: readonly ModelRef[]) {
    const { config, registry, clock, models } = parts
    this.#parts = parts
    for (const name of new Set(refs.map(servedName))) {
      const labels = refs.filter((ref) => servedName(ref) === name).map(refLabel)
      this.#labels.set(name, labels)
      models.declare(name, labels)
    }
    this.#follower = new RegistryFollower({
      registry,
      refs,
      intervalMs: config.pollIntervalMs,
      // One poll may need a call for each new version beside the first.
      timeoutMs: config.registryTimeoutMs * 3,
      clock,
      random: Math.random,
      onResolved: (name, resolutions) => this.#resolved(name, resolutions),
      onFailure: (name, error, nextTryAt) => this.#failed(name, error, nextTryAt),
    })
  }

  start(): void {
    this.#follower.start()
  }

  hint(model: string): void {
    this.#follower.hint(model)
  }

  async stop(): Promise<void> {
    await this.#follower.stop()
    await Promise.all(this.#recalls)
  }

  /** What is served as it was served last, because the registry has not answered since the start. */
  fromCache(): readonly ServedFromCache[] {
    return [...this.#fromCache.values()].flat()
  }

  polls(): readonly PollStatus[] {
    return this.#follower.status()
  }

  /** Where the registry stands for a model; undefined for one that is not followed. */
  view(model: string): RegistryView | undefined {
    const poll = this.#follower.status().find(({ name }) => name === model)
    if (poll === undefined) return undefined
    const { error } = poll
    return {
      location: this.#parts.registry.location,
      lastContactAt: iso(poll.lastContactAt),
      error: error && { code: error.code, message: error.message },
      nextPollAt: iso(poll.nextPollAt),
      fromCache: this.#fromCache.get(model) ?? [],
    }
  }

  #resolved(name: string, resolutions: readonly RefResolution[]): void {
    const { models, metrics, log } = this.#parts
    metrics.registryPolls.inc({ model: name, result: 'ok' })
    this.#hasAnswered(name)
    if (this.#tell(name, 'answers')) {
      log.info({ model: name, registry: this.#parts.registry.location }, 'the registry answers')
    }
    const desired = resolutions.map(({ ref, resolution }) => {
      const label = refLabel(ref)
      const means =
        resolution instanceof ServingError ? resolution.message : `version ${resolution.version}`
      if (this.#tell(`${name}@${label}`, means)) {
        const level = resolution instanceof ServingError ? 'warn' : 'info'
        log[level]({ model: name, ref: label }, `the registry says: ${means}`)
      }
      return { label, resolution }
    })
    models.setDesired(name, desired)
    void models.reconcile(name)
  }

  #failed(name: string, error: ServingError, nextTryAt: number): void {
    const { models, metrics } = this.#parts
    metrics.registryPolls.inc({ model: name, result: 'failed' })
    if (error.code === 'MODEL_NOT_FOUND') this.#hasAnswered(name)
    else if (error.code === 'REGISTRY_UNAVAILABLE') this.#startFromCache(name, error)
    // Whoever is refused meanwhile is told why; what serves goes on.
    const labels = this.#labels.get(name) ?? []
    models.setDesired(
      name,
      labels.map((label) => ({ label, resolution: error })),
    )
    void models.reconcile(name)
    if (!this.#tell(name, error.message)) return
    const fields = { model: name, error_code: error.code, next_try_at: iso(nextTryAt) }
    this.#parts.log.warn(fields, `the registry cannot be asked: ${error.message}`)
  }

  #hasAnswered(name: string): void {
    this.#answered.add(name)
    this.#fromCache.delete(name)
  }

  /** Once a model, while the registry has said nothing about it: what it says goes before what was remembered. */
  #startFromCache(name: string, error: ServingError): void {
    if (this.#answered.has(name) || this.#fromCache.has(name)) return
    this.#fromCache.set(name, [])
    const recall = this.#recall(name, error)
      .catch((err: unknown) =>
        this.#parts.log.error({ model: name, err }, 'nothing can be recalled'),
      )
      .finally(() => this.#recalls.delete(recall))
    this.#recalls.add(recall)
  }

  async #recall(name: string, error: ServingError): Promise<void> {
    const { coldStart, models, log } = this.#parts
    const labels = this.#labels.get(name) ?? []
    const found = await coldStart.recall(name, labels)
    if (found.size === 0 || this.#answered.has(name)) return
    const unanswered = labels.map((label) => ({ label, resolution: error }))
    models.setDesired(
      name,
      unanswered.map((entry) => ({
        ...entry,
        resolution: found.get(entry.label)?.version ?? error,
      })),
    )
    // An unanswered reference goes on to want what it wants, and people see that the registry did not say so.
    models.setDesired(name, unanswered)
    const served = [...found].map(([ref, { version, since }]) => ({
      model: name,
      ref,
      version: version.version,
      servedSince: since,
    }))
    this.#fromCache.set(name, served)
    for (const { ref, version } of served) {
      log.warn(
        { model: name, ref, version },
        `the registry has not answered since the start: version ${version}, which served last, is taken from the cache`,
      )
    }
    void models.reconcile(name)
  }

  /** Whether this is news. */
  #tell(about: string, what: string): boolean {
    if (this.#told.get(about) === what) return false
    this.#told.set(about, what)
    return true
  }
}

function iso(epochMs: number | undefined): string | undefined {
  return epochMs === undefined ? undefined : new Date(epochMs).toISOString()
}
