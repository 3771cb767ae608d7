import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { enableProdMode, env, getBackend, setBackend } from '@tensorflow/tfjs-core'
import { ServingError } from '../../errors.ts'
import type { TfjsBackend } from '../../model/flavor.ts'
import { loadTfjsNode } from './tfjs-node.ts'
import { registerMissingKernels } from './wasm-kernels.ts'

/** A backend that computes; `auto` has been decided. */
export type ComputeBackend = Exclude<TfjsBackend, 'auto'>

/** Names under which the packages register their backends. */
const REGISTERED: Readonly<Record<ComputeBackend, string>> = {
  wasm: 'wasm',
  cpu: 'cpu',
  'tfjs-node': 'tensorflow',
}

/** Packages loaded into this thread, or on their way. */
const loaded = new Map<ComputeBackend, Promise<void>>()

/** A worker thread's `process` is a copy. */
let mayTakeProcess = !isMainThread

/** Says that this process is there for a model and for nothing else. */
export function giveProcess(): void {
  mayTakeProcess = true
}

// Without checks for NaN after every op, and without a banner on the console.
enableProdMode()

/**
 * Makes the backend the one that computes in this thread. Models of different backends take turns: their weights
 * stay where they are.
 * @throws ServingError LOAD_FAILED saying what to install.
 */
export async function useBackend(backend: ComputeBackend): Promise<void> {
  const name = REGISTERED[backend]
  if (getBackend() === name) return
  let package_ = loaded.get(backend)
  if (package_ === undefined) {
    package_ = loadPackage(backend)
    loaded.set(backend, package_)
  }
  await package_
  if (!(await setBackend(name))) {
    throw new ServingError('LOAD_FAILED', `The ${backend} backend of TensorFlow.js did not start`)
  }
}

async function loadPackage(backend: ComputeBackend): Promise<void> {
  switch (backend) {
    case 'wasm':
      return loadWasm()
    case 'cpu':
      await import('@tensorflow/tfjs-backend-cpu')
      return
    case 'tfjs-node':
      await loadTfjsNode()
      return
  }
}

async function loadWasm(): Promise<void> {
  // Its glue installs handlers for exceptions that nobody caught, which rethrow.
  if (!mayTakeProcess) {
    throw new ServingError('INTERNAL', 'The wasm backend may be loaded in worker threads only')
  }
  const wasm = await import('@tensorflow/tfjs-backend-wasm')
  registerMissingKernels()
  const binary = createRequire(import.meta.url).resolve(
    '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm',
  )
  wasm.setWasmPaths(dirname(binary) + sep)
  // Its own threads do not work in Node.js: more workers do the same.
  env().set('WASM_HAS_MULTITHREAD_SUPPORT', false)
}
