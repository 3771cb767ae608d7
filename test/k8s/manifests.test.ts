import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { SETTINGS } from '../../src/config/settings.ts'
import { createRegistry, RunningServer } from '../running-server.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8')

/** As much of the manifests as is looked at here. */
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string | number }
  readonly periodSeconds: number
  readonly failureThreshold: number
}
interface Container {
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[]
  readonly env: readonly { readonly name: string; readonly value: string }[]
  readonly envFrom: readonly {
    readonly configMapRef?: { readonly name: string }
    readonly secretRef?: { readonly name: string; readonly optional?: boolean }
  }[]
  readonly startupProbe: Probe
  readonly readinessProbe: Probe
  readonly livenessProbe: Probe
  readonly resources: Readonly<Record<'requests' | 'limits', Readonly<Record<string, string>>>>
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
}
interface Deployment {
  readonly spec: {
    readonly strategy: { readonly rollingUpdate: { readonly maxUnavailable: number } }
    readonly template: {
      readonly metadata: { readonly annotations: Readonly<Record<string, string>> }
      readonly spec: {
        readonly terminationGracePeriodSeconds: number
        readonly enableServiceLinks: boolean
        readonly securityContext: Readonly<Record<string, unknown>>
        readonly containers: readonly [Container]
        readonly volumes: readonly {
          readonly name: string
          readonly emptyDir: { readonly sizeLimit: string }
        }[]
      }
    }
  }
}

const deployment = parse(read('k8s/base/deployment.yaml')) as Deployment
const pod = deployment.spec.template.spec
const [container] = pod.containers
const service = parse(read('k8s/base/service.yaml')) as {
  readonly spec: {
    readonly ports: readonly { readonly port: number; readonly targetPort: string }[]
  }
}
const kustomization = parse(read('k8s/base/kustomization.yaml')) as {
  readonly resources: readonly string[]
  readonly configMapGenerator: readonly {
    readonly name: string
    readonly literals: readonly string[]
  }[]
}
const dockerfile = read('Dockerfile')

const environment: Readonly<Record<string, string>> = Object.fromEntries(
  container.env.map(({ name, value }) => [name, value]),
)

/** Variables that the final stage of the image sets. */
function imageVariables(): Readonly<Record<string, string>> {
  const block = /^ENV ((?:.*\\\n)*.*)$/m.exec(dockerfile)?.[1] ?? ''
  return Object.fromEntries(
    [...block.matchAll(/(\w+)=(\S+)/g)].map(([, name = '', value = '']) => [name, value]),
  )
}

const KNOWN = new Set<string>(Object.values(SETTINGS).flatMap((setting) => setting.env))
/** Read by Node itself and by the libraries. */
const FOREIGN = new Set(['NODE_ENV'])

describe('variables', () => {
  test('of the Deployment are variables of the program, with values that it takes', () => {
    for (const [name, value] of Object.entries(environment)) {
      const setting = Object.values(SETTINGS).find(({ env }) => env.some((known) => known === name))
      expect(setting, name).toBeDefined()
      expect(() => setting?.read(value), `${name}=${value}`).not.toThrow()
    }
  })

  test('of the ConfigMap are variables of the program, the three of a first start among them', () => {
    const [config] = kustomization.configMapGenerator
    const names = config?.literals.map((literal) => literal.slice(0, literal.indexOf('=')))
    expect(names?.filter((name) => !KNOWN.has(name))).toEqual([])
    expect(names).toEqual(
      expect.arrayContaining(['MLFLOW_TRACKING_URI', 'MODEL_NAME', 'MODEL_ALIAS']),
    )
  })

  test('come from the generated ConfigMap, and from a Secret that need not exist', () => {
    expect(container.envFrom).toEqual([
      { configMapRef: { name: kustomization.configMapGenerator[0]?.name } },
      { secretRef: { name: 'baton-credentials', optional: true } },
    ])
  })

  test('of the image are variables of the program or of Node', () => {
    const names = Object.keys(imageVariables())
    expect(names).toContain('BATON_HOST')
    expect(names.filter((name) => !KNOWN.has(name) && !FOREIGN.has(name))).toEqual([])
  })

  test("that the Dockerfile's head speaks of are variables of the program", () => {
    const documented = [...dockerfile.matchAll(/^# ([A-Z_]+) {2,}/gm)].map(([, name = '']) => name)
    expect(documented).toEqual(['MLFLOW_TRACKING_URI', 'MODEL_NAME', 'MODEL_ALIAS'])
    expect(documented.filter((name) => !KNOWN.has(name))).toEqual([])
  })

  test('are not made up by Kubernetes: a Service named baton would set BATON_PORT to tcp://...', () => {
    expect(pod.enableServiceLinks).toBe(false)
  })
})

describe('ports', () => {
  test('are one: what the image sets and exposes, the container names and the Service sends to', () => {
    const [named] = container.ports
    expect(named?.containerPort).toBe(Number(/^EXPOSE (\d+)$/m.exec(dockerfile)?.[1]))
    expect(named?.containerPort).toBe(Number(imageVariables().BATON_PORT))
    expect(service.spec.ports.map(({ targetPort }) => targetPort)).toEqual([named?.name])
    expect(imageVariables().BATON_HOST).toBe('0.0.0.0')
  })

  test('are what the probes and Prometheus ask', () => {
    const [named] = container.ports
    for (const probe of [
      container.startupProbe,
      container.readinessProbe,
      container.livenessProbe,
    ]) {
      expect(probe.httpGet.port).toBe(named?.name)
    }
    const { annotations } = deployment.spec.template.metadata
    expect(annotations['prometheus.io/port']).toBe(String(named?.containerPort))
  })
})

describe('routes', () => {
  test('that the probes, Prometheus and the health check of the image ask are answered with 200', async () => {
    const registry = await createRegistry({ affine: ['affine-1'] })
    const running = await RunningServer.start({ MLFLOW_REGISTRY_URI: registry.root })
    const paths = [
      container.startupProbe.httpGet.path,
      container.readinessProbe.httpGet.path,
      container.livenessProbe.httpGet.path,
      deployment.spec.template.metadata.annotations['prometheus.io/path'] ?? '',
      /BATON_PORT\}(\/\w+)/.exec(dockerfile)?.[1] ?? '',
    ]
    try {
      expect(paths).toEqual(['/readyz', '/readyz', '/livez', '/metrics', '/readyz'])
      for (const path of paths)
        expect((await fetch(`${running.url}${path}`)).status, path).toBe(200)
    } finally {
      await running.server.stop()
      await registry.remove()
    }
  })

  test('differ in what they mean: without a model there is life, and no readiness', async () => {
    const registry = await createRegistry({ affine: ['affine-1'] })
    const env = { MLFLOW_REGISTRY_URI: registry.root, MODEL_NAME: 'nothing' }
    const running = await RunningServer.start(env, { ready: false })
    const status = async (probe: Probe) =>
      (await fetch(`${running.url}${probe.httpGet.path}`)).status
    try {
      expect(await status(container.livenessProbe)).toBe(200)
      expect(await status(container.readinessProbe)).toBe(503)
      expect(await status(container.startupProbe)).toBe(503)
    } finally {
      await running.server.stop()
      await registry.remove()
    }
  })
})

describe('life', () => {
  test('is ended by SIGKILL only after the shutdown delay and the drain', () => {
    const { BATON_SHUTDOWN_DELAY: delay = '', BATON_DRAIN_TIMEOUT: drain = '' } = environment
    const delayMs = SETTINGS.shutdownDelayMs.read(delay)
    const drainMs = SETTINGS.drainTimeoutMs.read(drain)
    expect(delayMs).toBeGreaterThan(0)
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(delayMs + drainMs)
  })

  test('goes on: a failing readiness probe acts before the delay after SIGTERM is over', () => {
    const { periodSeconds, failureThreshold } = container.readinessProbe
    const delayMs = SETTINGS.shutdownDelayMs.read(environment.BATON_SHUTDOWN_DELAY ?? '')
    expect(periodSeconds * failureThreshold * 1000).toBeLessThan(delayMs)
  })

  test('has room for a first download: minutes, not the liveness probe, decide', () => {
    const { periodSeconds, failureThreshold } = container.startupProbe
    expect(periodSeconds * failureThreshold).toBeGreaterThanOrEqual(300)
  })

  test('goes over without a gap: no old pod goes before a new one is ready', () => {
    expect(deployment.spec.strategy.rollingUpdate.maxUnavailable).toBe(0)
  })
})

describe('the pod', () => {
  test('is not root, by number, as the image says too', () => {
    const uid = Number(/^USER (\d+)/m.exec(dockerfile.slice(dockerfile.lastIndexOf('FROM ')))?.[1])
    expect(uid).toBeGreaterThan(0)
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: uid })
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
    })
  })

  test('asks for CPU and memory, and its memory is limited', () => {
    expect(container.resources.requests).toMatchObject({
      cpu: expect.any(String),
      memory: expect.any(String),
    })
    expect(container.resources.limits).toMatchObject({ memory: expect.any(String) })
  })

  test('writes to volumes alone: the cache is one, and stays below the size at which a pod is evicted', () => {
    const { BATON_CACHE_DIR: folder, BATON_CACHE_MAX_BYTES: most = '' } = environment
    expect(folder).toBe(imageVariables().BATON_CACHE_DIR)
    expect(dockerfile).toContain(`VOLUME ${folder}`)
    const mount = container.volumeMounts.find(({ mountPath }) => mountPath === folder)
    const volume = pod.volumes.find(({ name }) => name === mount?.name)
    const bytes = SETTINGS.cacheMaxBytes.read(most)
    const limit = SETTINGS.cacheMaxBytes.read(`${volume?.emptyDir.sizeLimit}B`)
    // A version is downloaded beside what is kept before anything is evicted.
    expect(
      bytes + SETTINGS.modelMaxBytes.read(environment.BATON_MODEL_MAX_BYTES ?? ''),
    ).toBeLessThanOrEqual(limit)
  })
})
