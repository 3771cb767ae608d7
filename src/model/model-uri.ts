import { ServingError } from '../errors.ts'

/** What a model URI asks for (mlflow/store/artifact/utils/models.py, `_parse_model_uri`). */
export type ModelRef =
  | { readonly kind: 'version'; readonly name: string; readonly version: string }
  | { readonly kind: 'alias'; readonly name: string; readonly alias: string }
  | { readonly kind: 'latest'; readonly name: string }
  | { readonly kind: 'stage'; readonly name: string; readonly stage: Stage }
  | { readonly kind: 'model-id'; readonly modelId: string }
  | { readonly kind: 'run'; readonly runId: string; readonly path: string }
  | { readonly kind: 'artifact'; readonly uri: string }

/** Stages that MLflow knows, in its spelling (mlflow/entities/model_registry/model_version_stages.py). */
const STAGES = ['None', 'Staging', 'Production', 'Archived'] as const
type Stage = (typeof STAGES)[number]

const FORMS =
  'models:/<name>@<alias>, models:/<name>/<version>, models:/<name>/latest, models:/<name>/<stage>, models:/<model id>, runs:/<run id>/<path>, or the URI of a model folder'

/** Ids of logged models as the MLflow server makes them. */
const MODEL_ID = /^m-[0-9a-f]{32}$/

/**
 * Reads a model URI as MLflow does: a scheme in any case, the alias after the last `@`, `latest` and stages in
 * any case, version numbers kept as text, nothing percent-decoded, a `?` and what follows dropped.
 * What is neither `models:` nor `runs:` is the URI or path of a model folder.
 * @throws ServingError MODEL_URI_INVALID
 */
export function parseModelUri(text: string): ModelRef {
  const uri = text.trim()
  if (uri === '') throw invalid(text, `expected ${FORMS}`)
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(uri) ?? []
  if (scheme.toLowerCase() === 'models')
    return parseModels(uri, rest.replace(/\?.*$/s, '').trimEnd())
  if (scheme.toLowerCase() === 'runs') return parseRuns(uri, rest.replace(/[?#].*$/s, '').trimEnd())
  return { kind: 'artifact', uri }
}

function parseModels(uri: string, rest: string): ModelRef {
  const parts = pathParts(uri, rest, FORMS)
  const [name = '', suffix] = parts
  if (name.trim() === '') throw invalid(uri, 'expected a model name after models:/')
  if (parts.length > 2 || (suffix !== undefined && MODEL_ID.test(name))) {
    throw invalid(uri, 'expected a whole model, got a path below one; leave the path out')
  }
  if (suffix !== undefined) return parseSuffix(uri, name, suffix)
  const at = name.lastIndexOf('@')
  if (at === -1) return { kind: 'model-id', modelId: name }
  return parseAlias(uri, name.slice(0, at), name.slice(at + 1))
}

function parseSuffix(uri: string, name: string, suffix: string): ModelRef {
  if (/^\d+$/.test(suffix)) return { kind: 'version', name, version: suffix }
  if (suffix.toLowerCase() === 'latest') return { kind: 'latest', name }
  const stage = STAGES.find((known) => known.toLowerCase() === suffix.toLowerCase())
  if (stage !== undefined) return { kind: 'stage', name, stage }
  throw invalid(
    uri,
    `expected a version number, latest or a stage (${STAGES.join(', ')}) after the slash, got "${suffix}"; an alias is written models:/${name}@<alias>`,
  )
}

function parseAlias(uri: string, name: string, alias: string): ModelRef {
  if (name.trim() === '') throw invalid(uri, 'expected a model name before @')
  // The registry computes this alias itself; nobody can set it.
  if (alias.toLowerCase() === 'latest') return { kind: 'latest', name }
  if (!isAliasName(alias)) {
    throw invalid(
      uri,
      `expected an alias of 1 to 255 letters, digits, _ and - after the last @, got "${alias}"`,
    )
  }
  return { kind: 'alias', name, alias }
}

/** MLflow's rule for alias names, `[\w-]{1,255}` in Python's Unicode sense (mlflow/utils/validation.py). */
export function isAliasName(alias: string): boolean {
  return /^[\p{L}\p{N}_-]{1,255}$/u.test(alias)
}

function parseRuns(uri: string, rest: string): ModelRef {
  const expected = 'runs:/<run id>/<path of the model>'
  const [runId = '', ...segments] = pathParts(uri, rest, expected)
  const path = segments.map((segment) => segment.trim()).filter((segment) => segment !== '')
  if (runId === '' || path.length === 0) throw invalid(uri, `expected ${expected}`)
  if (path.some((segment) => segment === '.' || segment === '..')) {
    throw invalid(uri, 'expected a path without . and .. in it')
  }
  return { kind: 'run', runId, path: path.join('/') }
}

/** Splits what follows `models:` or `runs:`; a host there is a Databricks profile. */
function pathParts(uri: string, rest: string, expected: string): string[] {
  if (!rest.startsWith('/')) throw invalid(uri, `expected a slash after the colon: ${expected}`)
  if (/^\/\/[^/]/.test(rest)) {
    throw invalid(uri, 'expected one slash after the colon; Databricks profiles are not supported')
  }
  return rest.replace(/^\/+/, '').split('/')
}

function invalid(uri: string, expectation: string): ServingError {
  return new ServingError('MODEL_URI_INVALID', `Model URI "${hidePassword(uri)}": ${expectation}`)
}

/** The URI of a reference, for people and logs; {@link parseModelUri} reads it back. A password is left out. */
export function formatModelRef(ref: ModelRef): string {
  switch (ref.kind) {
    case 'version':
      return `models:/${ref.name}/${ref.version}`
    case 'alias':
      return `models:/${ref.name}@${ref.alias}`
    case 'latest':
      return `models:/${ref.name}/latest`
    case 'stage':
      return `models:/${ref.name}/${ref.stage}`
    case 'model-id':
      return `models:/${ref.modelId}`
    case 'run':
      return `runs:/${ref.runId}/${ref.path}`
    case 'artifact':
      return hidePassword(ref.uri)
  }
}

function hidePassword(uri: string): string {
  return uri.replace(/^([a-z][a-z0-9+.-]*:\/\/[^/@:]*):[^/@]*@/i, '$1@')
}

/**
 * Name that a reference is served under: the registered model's, as it is; else the model id or the last part
 * of the path, with every character that a URL would escape replaced by `-`. Two references may give one name.
 */
export function servedName(ref: ModelRef): string {
  switch (ref.kind) {
    case 'model-id':
      return urlSafe(ref.modelId)
    case 'run':
      return urlSafe(lastSegment(ref.path))
    case 'artifact':
      return urlSafe(lastSegment(ref.uri.replace(/[?#].*$/s, '')))
    default:
      return ref.name
  }
}

function lastSegment(path: string): string {
  return path.split(/[/\\:]/).findLast((segment) => !/^\.*$/.test(segment)) ?? ''
}

function urlSafe(name: string): string {
  return name.replace(/[^\w.-]+/g, '-').replace(/^[-.]+|[-.]+$/g, '') || 'model'
}

/** What follows the name: alias, version number, `latest` or stage; else the id, or `artifact`. */
export function refLabel(ref: ModelRef): string {
  switch (ref.kind) {
    case 'version':
      return ref.version
    case 'alias':
      return ref.alias
    case 'latest':
      return 'latest'
    case 'stage':
      return ref.stage
    case 'model-id':
      return ref.modelId
    case 'run':
      return ref.runId
    case 'artifact':
      return 'artifact'
  }
}

/** Whether what a reference means can change, so that it has to be asked for again. */
export function isFollowed(ref: ModelRef): boolean {
  return ref.kind === 'alias' || ref.kind === 'latest' || ref.kind === 'stage'
}
