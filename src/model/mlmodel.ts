import { type Document, isScalar, parseDocument, type YAMLError } from 'yaml'
import { ServingError } from '../errors.ts'
import { chooseFlavor, type EngineFlavor, isMapping, relativePath } from './flavor.ts'
import { parseSignature } from './parse-signature.ts'
import type { Signature } from './signature.ts'

/** The MLmodel file of a model folder, as far as serving needs it. */
export interface ModelManifest {
  readonly flavor: EngineFlavor
  readonly signature: Signature | undefined
  readonly modelId: string | undefined
  readonly runId: string | undefined
  readonly mlflowVersion: string | undefined
  readonly createdAt: string | undefined
  /** `serving_input_example.json`, where the file names it: a ready request body. */
  readonly servingInputPath: string | undefined
}

/**
 * Reads an MLmodel file (mlflow/models/model.py, `Model.from_dict`). Unknown keys are ignored.
 * @throws ServingError MODEL_INVALID naming the line or the key; MODEL_UNSUPPORTED for a flavor no
 *   engine here runs, and for a model whose files live elsewhere.
 */
export function parseMlmodel(yamlText: string): ModelManifest {
  const document = parseDocument(yamlText)
  const error = document.errors[0]
  if (error !== undefined) throw notYaml(error)
  const root: unknown = toValue(document)
  if (!isMapping(root)) throw invalid('Expected MLmodel to be a YAML mapping')
  refuseExternal(root.metadata)
  return {
    flavor: chooseFlavor(root.flavors),
    signature: readSignature(root),
    modelId: text(document, 'model_id'),
    runId: text(document, 'run_id'),
    mlflowVersion: text(document, 'mlflow_version'),
    createdAt: text(document, 'utc_time_created'),
    servingInputPath: servingInputPath(root.saved_input_example_info),
  }
}

function toValue(document: Document): unknown {
  try {
    return document.toJS()
  } catch (error) {
    // Unresolved or exploding aliases surface here only.
    throw invalid(`MLmodel is not valid YAML: ${ServingError.from(error).message}`)
  }
}

function notYaml(error: YAMLError): ServingError {
  const reason = error.message.split(/ at line \d+|\n/)[0]
  const at = error.linePos?.[0]
  const where = at === undefined ? '' : ` at line ${at.line}, column ${at.col}`
  return invalid(`MLmodel is not valid YAML${where}: ${reason}`)
}

function refuseExternal(metadata: unknown): void {
  if (!isMapping(metadata) || metadata['mlflow.model.isExternal'] !== true) return
  throw new ServingError(
    'MODEL_UNSUPPORTED',
    'This model is external (mlflow.model.isExternal): its files are not in the registry, so there is nothing to load',
  )
}

function readSignature(root: Readonly<Record<string, unknown>>): Signature | undefined {
  const { signature } = root
  if (signature === undefined || signature === null) return undefined
  if (!isMapping(signature)) throw invalid('Expected signature of MLmodel to be a mapping or null')
  return parseSignature({
    ...signature,
    fromTypeHints: root.is_signature_from_type_hint === true,
  })
}

function servingInputPath(info: unknown): string | undefined {
  if (!isMapping(info)) return undefined
  const path = info.serving_input_path
  if (path === undefined || path === null) return undefined
  return relativePath(path, 'saved_input_example_info.serving_input_path')
}

/** The text as it stands in the file: `3.10` and `7e1234` are a version and an id, not numbers. */
function text(document: Document, key: string): string | undefined {
  const node: unknown = document.get(key, true)
  if (!isScalar(node) || node.value === null) return undefined
  return node.source ?? String(node.value)
}

function invalid(message: string): ServingError {
  return new ServingError('MODEL_INVALID', message)
}
