import {
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { ServingError } from '../../../src/errors.ts'
import type { TfjsBackend, TfjsFormat } from '../../../src/model/flavor.ts'
import { CPU, manifestOf, temporaryFolder } from '../support/models.ts'
import { openPool } from '../support/pool.ts'
import { FIXTURES, tfjsManifest } from './support/fixtures.ts'

const { signal } = new AbortController()
const folders: string[] = []

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

/** A model folder with a copy of a fixture as `model`. */
function copyOf(fixture: string): { folder: string; model: string } {
  const folder = temporaryFolder()
  folders.push(folder)
  cpSync(join(FIXTURES, fixture), join(folder, 'model'), { recursive: true })
  return { folder, model: join(folder, 'model') }
}

function edit(model: string, change: (text: string) => string): void {
  const path = join(model, 'model.json')
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}

async function refusal(
  folder: string,
  format: TfjsFormat = 'graph-model',
  backend?: TfjsBackend,
): Promise<ServingError> {
  const { pool } = openPool()
  return await pool.load(folder, tfjsManifest('model', format, backend), signal).then(
    () => expect.fail('the model was loaded'),
    (error: ServingError) => error,
  )
}

describe('a broken model is refused, and told how to mend', () => {
  it('without its folder', async () => {
    const folder = temporaryFolder()
    folders.push(folder)
    expect(await refusal(folder)).toMatchObject({
      code: 'MODEL_INVALID',
      message:
        'The model has no model/model.json to read. Log the whole output folder of tensorflowjs_converter',
    })
  })

  it('whose model.json is no JSON, or no model', async () => {
    const { folder, model } = copyOf('mlp')
    edit(model, (text) => text.slice(0, 100))
    expect(await refusal(folder)).toMatchObject({ code: 'MODEL_INVALID' })
    edit(model, () => '{"format": "graph-model"}')
    expect((await refusal(folder)).message).toContain('modelTopology')
  })

  it('with a shard missing', async () => {
    const { folder, model } = copyOf('mlp')
    rmSync(join(model, 'group1-shard2of3.bin'))
    const { code, message } = await refusal(folder)
    expect(code).toBe('MODEL_INVALID')
    expect(message).toMatch(
      /"group1-shard2of3\.bin", which is missing.*Log the whole output folder/,
    )
  })

  it('with a shard that was cut', async () => {
    const { folder, model } = copyOf('mlp')
    truncateSync(join(model, 'group1-shard3of3.bin'), 100)
    const { code, message } = await refusal(folder)
    expect(code).toBe('MODEL_INVALID')
    expect(message).toMatch(
      /are 65636 bytes, and model\.json announces \d+\. .*log the model again/,
    )
  })

  it.each(['../secret.bin', '/etc/hostname', 'a/../../secret.bin'])(
    'whose weights are at %s',
    async (path) => {
      const { folder, model } = copyOf('mlp')
      writeFileSync(join(folder, 'secret.bin'), 'secret')
      edit(model, (text) => text.replace('group1-shard1of3.bin', path))
      const { code, message } = await refusal(folder)
      expect(code).toBe('ARTIFACT_UNSAFE')
      expect(message).toContain(`"${path}", which lies outside`)
    },
  )

  it('whose weights are a link out of its folder', async () => {
    const { folder, model } = copyOf('mlp')
    const elsewhere = join(folder, 'elsewhere')
    mkdirSync(elsewhere)
    cpSync(join(model, 'group1-shard1of3.bin'), join(elsewhere, 'weights.bin'))
    rmSync(join(model, 'group1-shard1of3.bin'))
    symlinkSync(join(elsewhere, 'weights.bin'), join(model, 'group1-shard1of3.bin'))
    expect(await refusal(folder)).toMatchObject({ code: 'ARTIFACT_UNSAFE' })
  })

  it('with an op that TensorFlow.js does not have', async () => {
    const { folder, model } = copyOf('mlp')
    edit(model, (text) => text.replace('"op": "Softmax"', '"op": "Sophtmax"'))
    const { code, message } = await refusal(folder)
    expect(code).toBe('MODEL_UNSUPPORTED')
    expect(message).toMatch(/the op Sophtmax, .*tf2onnx/)
  })

  it('in another format than MLmodel says', async () => {
    const { folder } = copyOf('mlp')
    const { code, message } = await refusal(folder, 'layers-model')
    expect(code).toBe('MODEL_INVALID')
    expect(message).toContain('Put format: graph-model into flavors.tfjs of MLmodel')
  })

  it('with layers of Keras 3', async () => {
    const { folder, model } = copyOf('mlp-layers')
    edit(model, (text) => text.replace(/"keras_version": "[^"]*"/, '"keras_version": "3.15.1"'))
    const { code, message } = await refusal(folder, 'layers-model')
    expect(code).toBe('MODEL_UNSUPPORTED')
    expect(message).toMatch(/Keras 3\.15\.1.*model\.export\('saved'\).*tensorflowjs_converter/)
  })

  it('with weights of a type that TensorFlow.js cannot read', async () => {
    const { folder, model } = copyOf('mlp')
    edit(model, (text) => text.replace('"dtype": "float32"', '"dtype": "bfloat16"'))
    expect(await refusal(folder)).toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining('is stored as bfloat16'),
    })
  })

  it('on a backend that is not installed', async () => {
    const { folder } = copyOf('mlp')
    const { code, message } = await refusal(folder, 'graph-model', 'tfjs-node')
    expect(code).toBe('LOAD_FAILED')
    expect(message).toMatch(/tfjs-node is not installed\. Install it \(npm install .*wasm or cpu/)
  })

  it('as a SavedModel, where tfjs-node is not installed', async () => {
    const folder = join(FIXTURES, 'saved-model')
    const { pool } = openPool({ engine: { ...CPU, tfjsBackend: 'wasm' } })
    await expect(pool.load(folder, manifestOf(folder), signal)).rejects.toMatchObject({
      code: 'LOAD_FAILED',
      message: expect.stringContaining(
        'npm install --save-prod --save-exact @tensorflow/tfjs-node',
      ),
    })
  })
})
