/** Ways to spoil the files of a version that was good, and versions whose files do not belong together. */
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ONNX_TYPES } from '../../engines/support/onnx-file.ts'
import { otherInputName } from './bad-graphs.ts'
import { mlmodelOf, scores, weights, writeGoodVersion, writeVersion, X, Y } from './classifier.ts'

const MODEL = 'model.onnx'
const MLMODEL = 'MLmodel'
const WEIGHTS_FILE = 'weights.bin'
const WEIGHTS_BYTES = 4 * 2 * Float32Array.BYTES_PER_ELEMENT

/** A good version 2, changed. */
function changed(change: (folder: string) => void): (folder: string) => void {
  return (folder) => {
    writeGoodVersion(folder, 2)
    change(folder)
  }
}

export const corrupt = changed((folder) => {
  writeFileSync(
    join(folder, MODEL),
    readFileSync(join(folder, MODEL)).map((byte) => byte ^ 0xff),
  )
})

export const truncated = changed((folder) => {
  truncateSync(join(folder, MODEL), Math.floor(readFileSync(join(folder, MODEL)).length / 2))
})

export const empty = changed((folder) => truncateSync(join(folder, MODEL)))

export const noModelFile = changed((folder) => rmSync(join(folder, MODEL)))

export const noMlmodel = changed((folder) => rmSync(join(folder, MLMODEL)))

export const brokenMlmodel = changed((folder) => {
  writeFileSync(join(folder, MLMODEL), 'flavors:\n  onnx: {data: model.onnx\nsignature: "')
})

export const pythonFlavor = changed((folder) => {
  const mlmodel = `flavors:
  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl}
  sklearn: {pickled_model: model.pkl, sklearn_version: 1.7.0}
`
  rmSync(join(folder, MODEL))
  writeFileSync(join(folder, 'model.pkl'), '')
  writeFileSync(join(folder, MLMODEL), mlmodel)
})

/** The right model; its signature says that x has three columns. */
export const wrongSignature = changed((folder) => {
  const text = mlmodelOf({ inputs: [{ ...X, shape: ['n', 3] }], outputs: [Y] })
  writeFileSync(join(folder, MLMODEL), text)
})

/** The right model, beside an expected answer that it does not give. */
export const otherGolden = changed((folder) => {
  const request = { inputs: { x: [[1, 2, 3, 4]] } }
  const golden = { cases: [{ request, response: { predictions: { y: [[1, 1]] } } }] }
  writeFileSync(join(folder, 'golden.json'), JSON.stringify(golden))
})

/** A graph whose input has another name than the signature, which is that of the version before. */
export const otherGraph = (folder: string): void => {
  const renamed = otherInputName()
  writeVersion(folder, renamed, mlmodelOf({ inputs: [X], outputs: [Y] }))
}

export const noWeightsFile = (folder: string): void => withWeightsBeside(folder, undefined)
export const shortWeightsFile = (folder: string): void => withWeightsBeside(folder, 8)

/** A model whose weights are in a file beside it, of so many bytes. */
function withWeightsBeside(folder: string, bytes: number | undefined): void {
  const [, bias] = weights(2)
  const data = { file: WEIGHTS_FILE, bytes: WEIGHTS_BYTES }
  writeVersion(folder, {
    inputs: [X],
    outputs: [Y],
    nodes: [scores()],
    constants: [
      { name: 'w', type: ONNX_TYPES.float32, shape: [4, 2], data },
      ...(bias === undefined ? [] : [bias]),
    ],
  })
  if (bytes !== undefined) writeFileSync(join(folder, WEIGHTS_FILE), Buffer.alloc(bytes))
}
