import { ServingError } from '../errors.ts'
import type { OperatorActions, OperatorRequest } from '../http/operator-routes.ts'
import type { VersionScoring } from '../http/version-scoring.ts'
import type { ModelVersion, Registry } from '../interfaces.ts'
import type { ModelManager } from '../serving/model-manager.ts'
import type { PinnedRefs } from '../serving/pins/pinned-refs.ts'

export interface OperatorParts {
  readonly models: ModelManager<VersionScoring>
  readonly pins: PinnedRefs
  readonly registry: Registry
}

/** What people do by hand: the actions behind the admin routes. */
export class Operator implements OperatorActions {
  readonly #parts: OperatorParts

  constructor(parts: OperatorParts) {
    this.#parts = parts
  }

  clear(model: string, { version }: OperatorRequest): object {
    const { models } = this.#parts
    const cleared = models.clear(model, version)
    void models.reconcile(model)
    return { cleared }
  }

  allow(model: string, { version }: OperatorRequest): object {
    const { models } = this.#parts
    const allowed = models.allow(model, version)
    void models.reconcile(model)
    return { allowed }
  }

  async pin(model: string, { ref, version, by }: OperatorRequest): Promise<object> {
    const { models, pins } = this.#parts
    const { label, serving } = this.#reference(model, ref)
    const pinned =
      version === undefined || version === serving?.version
        ? serving
        : await this.#find(model, version)
    if (pinned === undefined) {
      throw new ServingError(
        'MODEL_NOT_READY',
        `"${label}" of model "${model}" serves no version that could be pinned; name one`,
      )
    }
    // Whoever asks for it by name wants it tried, whatever came of it before.
    models.clear(model, pinned.version)
    const kept = await pins.pin({ model, ref: label, version: pinned, by })
    return { ref: label, pinned: pinned.version, kept }
  }

  async unpin(model: string, { ref }: OperatorRequest): Promise<object> {
    if (ref !== undefined) this.#reference(model, ref)
    else this.#parts.models.servedBy(model)
    const { refs, kept } = await this.#parts.pins.unpin(model, ref)
    return { unpinned: refs, kept }
  }

  /** The reference that is meant: the one that is named, or the only one. */
  #reference(model: string, ref: string | undefined) {
    const served = this.#parts.models.servedBy(model)
    const known = [...served.keys()]
    if (ref === undefined && known.length > 1) {
      throw new ServingError(
        'INVALID_REQUEST',
        `Model "${model}" is served as ${known.join(', ')}: expected "ref" to say which, received none`,
      )
    }
    const label = ref ?? known[0]
    if (label === undefined || !served.has(label)) {
      throw new ServingError(
        'MODEL_NOT_FOUND',
        `Model "${model}" is not served as "${label}" (served: ${known.join(', ') || 'none'})`,
      )
    }
    return { label, serving: served.get(label) }
  }

  /** A version by its number: loaded here, else as the registry has it. */
  async #find(model: string, version: string): Promise<ModelVersion> {
    const { models, registry } = this.#parts
    const loaded = models.registered(model, version)
    if (loaded !== undefined) return loaded
    const wanted = { kind: 'version', name: model, version } as const
    const [found] = await registry.resolve([wanted], new AbortController().signal)
    if (found === undefined || found instanceof ServingError) {
      throw found ?? new ServingError('INTERNAL', `Nothing was said of version ${version}`)
    }
    return found
  }
}
