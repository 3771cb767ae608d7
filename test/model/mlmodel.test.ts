import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ServingError } from '../../src/errors.ts'
import { parseMlmodel } from '../../src/model/mlmodel.ts'

const ONNX = `
flavors:
  onnx:
    data: model.onnx
`

function refusal(yaml: string): ServingError {
  try {
    parseMlmodel(yaml)
  } catch (error) {
    return error as ServingError
  }
  return expect.fail('the file was accepted')
}

describe('parseMlmodel', () => {
  it('reads what MLflow wrote', () => {
    const file = new URL('../../models/iris-classifier/1/MLmodel', import.meta.url)
    const manifest = parseMlmodel(readFileSync(file, 'utf8'))
    expect(manifest).toMatchObject({
      flavor: { engine: 'onnx', data: 'model.onnx' },
      mlflowVersion: '3.18.0',
      modelId: undefined,
      runId: undefined,
      servingInputPath: 'serving_input_example.json',
    })
    expect(manifest.createdAt).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/)
    expect(manifest.signature?.inputs).toMatchObject({
      kind: 'tensors',
      tensors: [{ dtype: 'float32', shape: [-1, 4] }],
    })
  })

  it('needs a flavor and nothing else', () => {
    expect(parseMlmodel(ONNX)).toEqual({
      flavor: {
        engine: 'onnx',
        data: 'model.onnx',
        sessionOptions: {
          interOpThreads: undefined,
          intraOpThreads: undefined,
          executionMode: undefined,
          graphOptimizationLevel: undefined,
          extraSessionConfig: {},
        },
      },
      signature: undefined,
      modelId: undefined,
      runId: undefined,
      mlflowVersion: undefined,
      createdAt: undefined,
      servingInputPath: undefined,
    })
  })

  it('ignores keys it does not know, and takes null for left out', () => {
    const yaml = `${ONNX}
from_the_future: {a: [1, 2]}
model_id: null
signature: null
metadata: null
saved_input_example_info: null
`
    expect(parseMlmodel(yaml)).toEqual(parseMlmodel(ONNX))
  })

  it('keeps ids and versions as they are spelled, where YAML would see numbers', () => {
    const yaml = `${ONNX}
run_id: 12345678901234567890123456789012
model_id: 7e1234
mlflow_version: 3.10
`
    expect(parseMlmodel(yaml)).toMatchObject({
      runId: '12345678901234567890123456789012',
      modelId: '7e1234',
      mlflowVersion: '3.10',
    })
  })

  it('runs the onnx flavor of a model that has others besides', () => {
    const yaml = `
flavors:
  sklearn: {pickled_model: model.pkl}
  onnx: {data: model.onnx}
  python_function: {loader_module: mlflow.onnx}
`
    expect(parseMlmodel(yaml).flavor.engine).toBe('onnx')
  })
})

describe('session options', () => {
  const withOptions = (options: string) => `
flavors:
  onnx:
    data: model.onnx
    onnx_session_options: ${options}
`

  it('are read in the words of MLflow', () => {
    const yaml = withOptions(
      '{inter_op_num_threads: 3, intra_op_num_threads: 2, execution_mode: PARALLEL, graph_optimization_level: 99, extra_session_config: {session.intra_op.allow_spinning: "1", a.b: 2}}',
    )
    expect(parseMlmodel(yaml).flavor).toMatchObject({
      sessionOptions: {
        interOpThreads: 3,
        intraOpThreads: 2,
        executionMode: 'parallel',
        graphOptimizationLevel: 'all',
        extraSessionConfig: { 'session.intra_op.allow_spinning': '1', 'a.b': '2' },
      },
    })
  })

  it('leave a thread count of 0 to the default', () => {
    expect(parseMlmodel(withOptions('{intra_op_num_threads: 0}')).flavor).toMatchObject({
      sessionOptions: { intraOpThreads: undefined },
    })
  })

  it.each([
    ['{intra_op_num_threads: many}', 'intra_op_num_threads', '"many"'],
    ['{inter_op_num_threads: -1}', 'inter_op_num_threads', '-1'],
    ['{execution_mode: sideways}', 'execution_mode', '"sideways"'],
    ['{graph_optimization_level: 7}', 'graph_optimization_level', '7'],
    ['{extra_session_config: [a]}', 'extra_session_config', 'mapping'],
    ['{extra_session_config: {a: {b: c}}}', 'extra_session_config."a"', '{"b":"c"}'],
    ['fast', 'onnx_session_options', 'mapping'],
  ])('%s is refused, naming the key and the value', (options, key, value) => {
    const error = refusal(withOptions(options))
    expect(error.code).toBe('MODEL_INVALID')
    expect(error.message).toContain(key)
    expect(error.message).toContain(value)
  })
})

describe('a file that cannot be read', () => {
  it('is refused with line and column', () => {
    const error = refusal('flavors:\n  onnx: {data: model.onnx\nrun_id: x\n')
    expect(error.code).toBe('MODEL_INVALID')
    expect(error.message).toMatch(/not valid YAML at line 3, column 1: \w+/)
  })

  it.each([
    ['', 'mapping'],
    ['just text', 'mapping'],
    ['[a, b]', 'mapping'],
    ['run_id: x', 'flavors'],
    ['flavors: {}', 'flavors'],
    ['flavors: [onnx]', 'flavors'],
    ['flavors: {onnx: model.onnx}', 'flavors.onnx'],
    ['flavors: {onnx: {}}', 'flavors.onnx.data'],
    ['flavors: {onnx: {data: 7}}', 'flavors.onnx.data'],
    [`${ONNX}\nsignature: [1]`, 'signature'],
    ['flavors: *nowhere', 'YAML'],
  ])('%j is refused, naming what was expected', (yaml, expected) => {
    expect(refusal(yaml)).toMatchObject({
      code: 'MODEL_INVALID',
      message: expect.stringContaining(expected),
    })
  })

  it('is refused when its aliases would explode', () => {
    const levels = Array.from({ length: 9 }, (_, i) => {
      const before = i === 0 ? '"lol"' : `*a${i - 1}`
      return `a${i}: &a${i} [${Array.from({ length: 9 }, () => before).join(', ')}]`
    })
    expect(refusal(levels.join('\n')).code).toBe('MODEL_INVALID')
  })

  it.each([
    '../model.onnx',
    'a/../../model.onnx',
    '/etc/passwd',
    'C:\\model.onnx',
    '..\\model.onnx',
    '\\\\host\\share',
  ])('is refused when its model lies outside the folder: %s', (data) => {
    const error = refusal(`flavors: {onnx: {data: ${JSON.stringify(data)}}}`)
    expect(error.code).toBe('MODEL_INVALID')
    expect(error.message).toContain('inside the model folder')
  })

  it('is refused when its example lies outside the folder', () => {
    const yaml = `${ONNX}\nsaved_input_example_info: {serving_input_path: ../../secret.json}`
    expect(refusal(yaml).message).toContain('saved_input_example_info.serving_input_path')
  })

  it('may keep its model in a folder below', () => {
    const yaml = 'flavors: {onnx: {data: data/v..1/model.onnx}}'
    expect(parseMlmodel(yaml).flavor.data).toBe('data/v..1/model.onnx')
  })
})

describe('a model that no engine runs', () => {
  it.each([
    ['sklearn', "'zipmap': False"],
    ['xgboost', 'convert_xgboost'],
    ['lightgbm', 'convert_lightgbm'],
    ['catboost', "format='onnx'"],
    ['pytorch', 'torch.onnx.export'],
    ['keras', 'tf2onnx'],
    ['tensorflow', 'tf2onnx'],
    ['transformers', 'optimum-cli export onnx'],
    ['sentence_transformers', 'optimum-cli export onnx'],
    ['spark', 'convert_sparkml'],
  ])('names the converter of %s', (flavor, converter) => {
    const error = refusal(`flavors: {${flavor}: {}, python_function: {loader_module: x}}`)
    expect(error.code).toBe('MODEL_UNSUPPORTED')
    expect(error.message).toContain(`saved as ${flavor}`)
    expect(error.message).toContain(converter)
    expect(error.message).toContain('mlflow.onnx.log_model')
  })

  it('says that Python is not run where the model is nothing else', () => {
    const error = refusal('flavors: {python_function: {loader_module: mlflow.pyfunc.model}}')
    expect(error.code).toBe('MODEL_UNSUPPORTED')
    expect(error.message).toContain('Python code, which Baton does not run')
  })

  it.each(['prophet', 'homemade'])('says so where nothing converts %s', (flavor) => {
    const error = refusal(`flavors: {python_function: {}, ${flavor}: {}}`)
    expect(error.code).toBe('MODEL_UNSUPPORTED')
    expect(error.message).toContain(`saved as ${flavor}`)
    expect(error.message).toContain('No converter to ONNX is known')
    expect(error.details).toEqual({ flavors: ['python_function', flavor] })
  })

  it('is refused when its files live elsewhere, before its flavor is looked at', () => {
    const error = refusal('metadata: {mlflow.model.isExternal: true}\nflavors: {}')
    expect(error.code).toBe('MODEL_UNSUPPORTED')
    expect(error.message).toContain('mlflow.model.isExternal')
  })
})

describe('the flavor tfjs', () => {
  const withTfjs = (tfjs: string) => `flavors: {tfjs: ${tfjs}}`

  it('names a folder, a format and perhaps a backend', () => {
    const yaml = withTfjs('{data: model, format: graph-model, tfjs_version: 4.22.0}')
    expect(parseMlmodel(yaml).flavor).toEqual({
      engine: 'tfjs',
      data: 'model',
      format: 'graph-model',
      backend: undefined,
    })
    const forced = withTfjs('{data: model, format: layers-model, backend: cpu}')
    expect(parseMlmodel(forced).flavor).toMatchObject({ format: 'layers-model', backend: 'cpu' })
  })

  it('gives way to ONNX where a model was saved as both', () => {
    const yaml = 'flavors: {tfjs: {data: model, format: graph-model}, onnx: {data: model.onnx}}'
    expect(parseMlmodel(yaml).flavor.engine).toBe('onnx')
  })

  it.each([
    ['{format: graph-model}', 'flavors.tfjs.data'],
    ['{data: ../other, format: graph-model}', '"../other"'],
    ['{data: model}', 'graph-model, layers-model, saved-model'],
    ['{data: model, format: frozen}', '"frozen"'],
    ['{data: model, format: graph-model, backend: webgl}', '"webgl"'],
    ['model', 'mapping'],
  ])('refuses %s, naming %s', (tfjs, named) => {
    expect(() => parseMlmodel(withTfjs(tfjs))).toThrow(
      expect.objectContaining({ code: 'MODEL_INVALID', message: expect.stringContaining(named) }),
    )
  })
})

describe('the flavor tensorflow', () => {
  it('of a module is a SavedModel, which tfjs-node runs', () => {
    const yaml = 'flavors: {tensorflow: {model_type: tf2-module, saved_model_dir: tf2model}}'
    expect(parseMlmodel(yaml).flavor).toEqual({
      engine: 'tfjs',
      data: 'tf2model',
      format: 'saved-model',
      backend: 'tfjs-node',
    })
  })

  it('of a Keras model is refused, with the way to ONNX', () => {
    const yaml = 'flavors: {tensorflow: {model_type: keras, data: data}}'
    expect(() => parseMlmodel(yaml)).toThrow(
      expect.objectContaining({
        code: 'MODEL_UNSUPPORTED',
        message: expect.stringContaining('tf2onnx'),
      }),
    )
  })
})
