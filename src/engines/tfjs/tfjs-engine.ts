import { join } from 'node:path'
import { engine, type Tensor as TfTensor } from '@tensorflow/tfjs-core'
import { ServingError } from '../../errors.ts'
import type { Engine, EngineModel, EngineOptions } from '../../interfaces.ts'
import type { TfjsFlavor } from '../../model/flavor.ts'
import type { ModelManifest } from '../../model/mlmodel.ts'
import type { NamedTensors, Tensor } from '../../model/tensor.ts'
import { tfjsBackendOf } from '../tfjs-placement.ts'
import { type ComputeBackend, useBackend } from './backends.ts'
import { openGraphModel } from './graph-network.ts'
import { openLayersModel } from './layers-network.ts'
import { readModelFolder } from './model-folder.ts'
import type { Network } from './network.ts'
import { probeFeeds } from './probe.ts'
import { openSavedModel } from './saved-model-network.ts'
import { fromTfTensor, toTfTensors } from './tensors.ts'
import { kernelFailure, loadFailure, missingKernel, runFailure, unknownOp } from './tfjs-errors.ts'

/**
 * TensorFlow.js: graph-models and layers-models. Only worker threads load it: running is synchronous, and the wasm
 * backend takes hold of the process it is loaded in.
 */
export const tfjsEngine: Engine = { name: 'tfjs', load }

async function load(
  folder: string,
  manifest: ModelManifest,
  options: EngineOptions,
): Promise<EngineModel> {
  const { flavor } = manifest
  if (flavor.engine !== 'tfjs') throw new ServingError('INTERNAL', 'This is no tfjs model')
  const wanted = tfjsBackendOf(flavor, options)
  const backend = wanted === 'auto' ? 'wasm' : wanted
  const network = await open(folder, flavor, backend)
  const model = new TfjsModel(network, backend, wanted === 'auto')
  try {
    await model.probe()
  } catch (error) {
    await model.release()
    throw error
  }
  return model
}

async function open(folder: string, flavor: TfjsFlavor, backend: ComputeBackend): Promise<Network> {
  if (flavor.format === 'saved-model') {
    await useBackend('tfjs-node')
    return openSavedModel(join(folder, flavor.data)).catch((error) => {
      throw loadFailure(error)
    })
  }
  const artifacts = await readModelFolder(folder, flavor)
  await useBackend(backend)
  try {
    return await (flavor.format === 'graph-model'
      ? openGraphModel(artifacts)
      : openLayersModel(artifacts))
  } catch (error) {
    throw loadFailure(error)
  }
}

class TfjsModel implements EngineModel {
  readonly inputs: Network['inputs']
  readonly outputs: Network['outputs']
  readonly backend: ComputeBackend
  readonly #network: Network
  /** The backend was our choice. */
  readonly #movable: boolean

  constructor(network: Network, backend: ComputeBackend, movable: boolean) {
    this.inputs = network.inputs
    this.outputs = network.outputs
    this.backend = backend
    this.#network = network
    this.#movable = movable
  }

  async run(feeds: NamedTensors): Promise<NamedTensors> {
    try {
      return await this.#compute(feeds)
    } catch (error) {
      throw this.#kernelFailure(error) ?? runFailure(error)
    }
  }

  /**
   * Runs zeros once, to learn of ops and kernels that are missing before any request does.
   * @throws ServingError MODEL_UNSUPPORTED. Another failure is ignored: a model need not take zeros.
   */
  async probe(): Promise<void> {
    const feeds = probeFeeds(this.inputs)
    if (feeds === undefined) return
    try {
      await this.#compute(feeds)
    } catch (error) {
      const failure = this.#kernelFailure(error) ?? unknownOp(error)
      if (failure !== undefined) throw failure
    }
  }

  async release(): Promise<void> {
    await useBackend(this.backend)
    this.#network.dispose()
  }

  async #compute(feeds: NamedTensors): Promise<NamedTensors> {
    await useBackend(this.backend)
    // Ends with every tensor disposed of that was made inside, whatever happens: `tidy` takes no promises, and
    // calls do not overlap.
    const scope = engine()
    scope.startScope()
    try {
      const results = this.#network.run(toTfTensors(feeds, this.inputs))
      return this.#named(results instanceof Promise ? await results : results)
    } finally {
      scope.endScope()
    }
  }

  #named(results: readonly TfTensor[]): NamedTensors {
    const outputs: Record<string, Tensor> = {}
    for (const [i, { name }] of this.outputs.entries()) {
      const result = results[i]
      if (result !== undefined) outputs[name] = fromTfTensor(result, name)
    }
    return outputs
  }

  #kernelFailure(error: unknown): ServingError | undefined {
    const kernel = this.backend === 'wasm' ? missingKernel(error) : undefined
    return kernel === undefined
      ? undefined
      : kernelFailure(kernel, this.backend, this.#movable, error)
  }
}
