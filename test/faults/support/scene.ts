import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, inject } from 'vitest'
import { type Rows, randomRows, whyWrong } from '../../interop/support/affine.ts'
import type { Environment } from '../../interop/support/backends.ts'
import { Baton, type BatonOptions } from '../../interop/support/baton.ts'
import { Cleanup } from '../../interop/support/cleanup.ts'
import { eventually } from '../../interop/support/eventually.ts'
import { MlflowApi } from '../../interop/support/mlflow-api.ts'
import { Clients, type ClientsReport, type Question } from './clients.ts'
import type { StageFacts } from './stage.ts'
import { addRow, type TableName } from './table.ts'
import { TamperingProxy } from './tampering-proxy.ts'
import { Link } from './toxiproxy.ts'

/** As much of `/models/{name}` as is looked at here. */
export interface ModelFacts {
  readonly ready: boolean
  readonly refs: readonly {
    readonly serving?: string
    readonly desired?: string
    readonly error?: { readonly code: string; readonly message: string }
  }[]
  readonly versions: readonly {
    readonly version: string
    readonly state: string
    readonly failure?: { readonly code: string; readonly stage: string; readonly message: string }
  }[]
  readonly registry?: { readonly from_cache?: readonly { readonly ref: string }[] }
}

interface ServeOptions extends Omit<BatonOptions, 'env'> {
  readonly env?: Environment
  readonly model: string
  readonly alias: string
  /** Address of the registry and of the bucket: ways that can be disturbed, or proxies. */
  readonly registryUrl?: string
  readonly bucketUrl?: string
}

/** Short times, so that a test sees an outage and its end within seconds. */
const QUICK: Environment = {
  BATON_POLL_INTERVAL: '250ms',
  BATON_REGISTRY_TIMEOUT: '1s',
  BATON_DRAIN_TIMEOUT: '5s',
}

let nextAlias = 0

/** What one test starts on the stage, and how it is cleared away. */
export class Scene {
  readonly cleanup = new Cleanup()

  get stage(): StageFacts {
    const stage = inject('stage')
    if (stage === undefined) throw new Error('expected the servers of the stage')
    return stage
  }

  get registry(): MlflowApi {
    return new MlflowApi(this.stage.mlflowUrl, this.stage.mlflowEnv)
  }

  /** An alias that no other test moves, at this version. */
  async alias(model: string, version: string): Promise<string> {
    const alias = `champion-${process.pid}-${nextAlias++}`
    await this.registry.setAlias(model, alias, version)
    return alias
  }

  async linkToRegistry(): Promise<Link> {
    return this.#link(Number(new URL(this.stage.mlflowUrl).port))
  }

  async linkToBucket(): Promise<Link> {
    return this.#link(this.stage.bucketPort)
  }

  async tamperWithRegistry(): Promise<TamperingProxy> {
    const port = Number(new URL(this.stage.mlflowUrl).port)
    return this.cleanup.add(await TamperingProxy.start(port), (it) => it.close())
  }

  async tamperWithBucket(): Promise<TamperingProxy> {
    const proxy = await TamperingProxy.start(this.stage.bucketPort)
    return this.cleanup.add(proxy, (it) => it.close())
  }

  async folder(): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), 'baton-fault-'))
    return this.cleanup.add(folder, (it) => rm(it, { recursive: true, force: true }))
  }

  /** Starts Baton on a model of the stage; resolves before it is ready. */
  async spawn(options: ServeOptions): Promise<Baton> {
    const { model, alias, registryUrl, bucketUrl, env, ...rest } = options
    const { mlflowUrl, mlflowEnv, bucketEnv } = this.stage
    const bucket =
      bucketUrl === undefined
        ? {}
        : { MLFLOW_S3_ENDPOINT_URL: bucketUrl, AWS_ENDPOINT_URL_S3: bucketUrl }
    const baton = await Baton.spawn({
      ...rest,
      env: {
        ...QUICK,
        ...mlflowEnv,
        ...bucketEnv,
        ...bucket,
        MLFLOW_TRACKING_URI: registryUrl ?? mlflowUrl,
        MODEL_NAME: model,
        MODEL_ALIAS: alias,
        ...env,
      },
    })
    return this.cleanup.add(baton, (it) => it.remove())
  }

  /** As {@link spawn}, ready. */
  async serve(options: ServeOptions): Promise<Baton> {
    const baton = await this.spawn(options)
    await this.ready(baton)
    return baton
  }

  async ready(baton: Baton): Promise<void> {
    await baton.ready(30_000).catch((error: unknown) => {
      throw new Error(`not ready: ${String(error)}\n${baton.output}`, { cause: error })
    })
  }

  /** Clients of an affine model that ask all the time and check every answer. */
  clients(baton: Baton): Clients {
    const clients = Clients.start({
      url: `${baton.url}/invocations`,
      count: 4,
      pauseMs: 20,
      ask: askAffine,
    })
    return this.cleanup.add(clients, (it) => it.stop())
  }

  async facts(baton: Baton, model: string): Promise<ModelFacts> {
    return (await baton.json(`/models/${model}`)) as ModelFacts
  }

  /** Resolves once `/models` says that a version has failed. */
  async failed(baton: Baton, model: string, version: string) {
    return eventually(`version ${version} to fail`, async () => {
      const { versions } = await this.facts(baton, model)
      return versions.find((it) => it.version === version)?.failure
    })
  }

  async #link(port: number): Promise<Link> {
    const link = await Link.open(this.stage.toxiproxyUrl, port)
    return this.cleanup.add(link, (it) => it.close())
  }
}

function askAffine(): Question {
  const rows: Rows = randomRows(1 + Math.floor(Math.random() * 3))
  return {
    body: JSON.stringify({ inputs: { x: rows } }),
    whyWrong: (version, predictions) => whyWrong(rows, version, predictions),
  }
}

/** Expects that nothing was lost, and says so for the table. */
export function nothingLost({ answers, lost, losses, wrong }: ClientsReport): string {
  expect({ losses, wrong }).toEqual({ losses: [], wrong: [] })
  return `${answers} answers, ${lost} lost`
}

/** A row of the table of faults. */
interface FaultRow {
  readonly fault: string
  readonly clients: string
  /** Log line, or what else told people of it. */
  readonly logged: string | undefined
  readonly recovered: string
}

/** Rows stand in the order of `order`, those of the same as they came. */
export async function faultRow(order: number, fault: FaultRow): Promise<void> {
  expect(fault.logged).toBeDefined()
  await row('faults', order, fault.fault, fault.clients, fault.logged ?? '', fault.recovered)
}

/** Writes a row of a table. */
export async function row(
  table: TableName,
  order: number,
  ...cells: readonly string[]
): Promise<void> {
  await addRow(inject('rowsFile'), { table, order, cells })
}
