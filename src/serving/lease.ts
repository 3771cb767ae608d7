import { ServingError } from '../errors.ts'
import type { ModelVersion } from '../interfaces.ts'
import type { ServedModel } from './served-model.ts'

/** A version borrowed for one request. */
export interface Lease<Contract> {
  readonly model: ServedModel<Contract>
  /** Gives it back. Calling it again does nothing. */
  release(): void
}

export class VersionLease<Contract> implements Lease<Contract> {
  readonly model: ServedModel<Contract>
  readonly #onRelease: () => void
  #held = true

  constructor(model: ServedModel<Contract>, onRelease: () => void) {
    this.model = model
    this.#onRelease = onRelease
  }

  release(): void {
    if (!this.#held) return
    this.#held = false
    this.#onRelease()
  }
}

/** What a request hears that outlasted the drain timeout of its version. */
export function withdrawn({ name, version }: ModelVersion): ServingError {
  return new ServingError(
    'MODEL_NOT_READY',
    `Version ${version} of model "${name}" was unloaded before the answer was ready; the request may be sent again`,
    { details: { name, version, state: 'draining' } },
  )
}
