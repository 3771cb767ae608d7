import { readFile, realpath } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import type { io } from '@tensorflow/tfjs-core'
import { ServingError } from '../../errors.ts'
import { isMapping, type TfjsFlavor } from '../../model/flavor.ts'
import { type WeightGroup, weightGroups } from './weights-manifest.ts'

/**
 * Reads what tensorflowjs_converter wrote: `model.json` and the weight files it names, whole and inside the folder.
 * @throws ServingError MODEL_INVALID, MODEL_UNSUPPORTED, ARTIFACT_UNSAFE, each saying how to mend the model.
 */
export async function readModelFolder(
  folder: string,
  flavor: TfjsFlavor,
): Promise<io.ModelArtifacts> {
  const root = join(folder, flavor.data)
  const json = await readModelJson(root, flavor)
  const groups = weightGroups(json.weightsManifest)
  const weightData = await readWeights(root, groups)
  return {
    // The rest of the file as it is: topology, signature, initializer and what people added.
    ...(json as io.ModelArtifacts),
    weightSpecs: groups.flatMap(({ weights }) => weights),
    weightData,
  }
}

async function readModelJson(
  root: string,
  flavor: TfjsFlavor,
): Promise<Readonly<Record<string, unknown>>> {
  const json = parse(await readText(join(root, 'model.json'), flavor))
  const { format, modelTopology } = json
  if (format !== undefined && format !== null && format !== flavor.format) {
    throw invalid(
      `MLmodel says that the model is a ${flavor.format}, and model.json is a ${String(format)}. ` +
        `Put format: ${String(format)} into flavors.tfjs of MLmodel`,
    )
  }
  if (!isMapping(modelTopology)) {
    throw invalid('Expected model.json to have a modelTopology, as tensorflowjs_converter writes')
  }
  if (flavor.format === 'layers-model') refuseKeras3(modelTopology)
  return json
}

async function readText(path: string, flavor: TfjsFlavor): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new ServingError(
      'MODEL_INVALID',
      `The model has no ${flavor.data}/model.json to read. Log the whole output folder of tensorflowjs_converter`,
      { cause },
    )
  }
}

function parse(text: string): Readonly<Record<string, unknown>> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new ServingError('MODEL_INVALID', `model.json is not valid JSON: ${String(cause)}`, {
      cause,
    })
  }
  if (isMapping(json)) return json
  throw invalid('Expected model.json to be a JSON object')
}

/** TensorFlow.js reads the layers of Keras 2; of Keras 3 it fails at the first one, with words that do not help. */
function refuseKeras3(topology: Readonly<Record<string, unknown>>): void {
  const version = topology.keras_version
  if (typeof version !== 'string' || Number.parseInt(version, 10) < 3) return
  throw new ServingError(
    'MODEL_UNSUPPORTED',
    `This layers-model was written by Keras ${version}, and TensorFlow.js reads layers of Keras 2. ` +
      "Convert it to a graph-model: model.export('saved'), then " +
      'tensorflowjs_converter --input_format=tf_saved_model saved FOLDER',
  )
}

async function readWeights(root: string, groups: readonly WeightGroup[]): Promise<ArrayBuffer> {
  const parts: Buffer[] = []
  for (const { paths, bytes } of groups) {
    const files = await Promise.all(paths.map((path) => readShard(root, path)))
    const found = files.reduce((sum, file) => sum + file.byteLength, 0)
    if (bytes !== undefined && found !== bytes) {
      throw invalid(
        `The weights in ${paths.join(', ')} are ${found} bytes, and model.json announces ${bytes}. ` +
          'A file was cut or belongs to another conversion: convert and log the model again',
      )
    }
    parts.push(...files)
  }
  const all = Buffer.concat(parts)
  return all.buffer.byteLength === all.byteLength
    ? (all.buffer as ArrayBuffer)
    : (all.buffer.slice(all.byteOffset, all.byteOffset + all.byteLength) as ArrayBuffer)
}

async function readShard(root: string, path: string): Promise<Buffer> {
  if (climbsOut(root, join(root, path)) || isAbsolute(path)) throw unsafe(path)
  try {
    const [folder, file] = await Promise.all([realpath(root), realpath(join(root, path))])
    if (climbsOut(folder, file)) throw unsafe(path)
    return await readFile(file)
  } catch (cause) {
    if (cause instanceof ServingError) throw cause
    throw new ServingError(
      'MODEL_INVALID',
      `model.json names the weights file "${path}", which is missing or cannot be read. ` +
        'Log the whole output folder of tensorflowjs_converter again',
      { cause },
    )
  }
}

function climbsOut(root: string, path: string): boolean {
  const way = relative(root, path)
  return way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)
}

function unsafe(path: string): ServingError {
  return new ServingError(
    'ARTIFACT_UNSAFE',
    `model.json names the weights file "${path}", which lies outside the model's folder. ` +
      'Expected a file beside model.json: convert and log the model again',
  )
}

function invalid(message: string): ServingError {
  return new ServingError('MODEL_INVALID', message)
}
