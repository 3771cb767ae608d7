import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Backend, command, REPOSITORY, temporaryFolder, whyNotHere } from './support/backends.ts'
import { Cleanup } from './support/cleanup.ts'

const skipped = whyNotHere('kube.sh')
const BASE = path.join(REPOSITORY, 'k8s/base')

describe.skipIf(skipped)('a real Kubernetes API server', () => {
  const cleanup = new Cleanup()
  let kubectl: (...args: readonly string[]) => Promise<string>

  beforeAll(async () => {
    const server = await Backend.start('kube.sh', { morePorts: 1 })
    cleanup.add(server, (it) => it.remove())
    const { KUBECTL = '', KUBECONFIG = '' } = server.env
    // Warnings go to stderr: they are part of the answer here.
    kubectl = (...args) =>
      command('/bin/sh', ['-c', '"$0" "$@" 2>&1', KUBECTL, ...args], {
        env: { ...process.env, KUBECONFIG },
      })
  })
  afterAll(() => cleanup.run())

  test('accepts every manifest, strictly validated', async () => {
    const printed = await kubectl(
      ...['apply', '-k', BASE, '--dry-run=server', '--validate=strict', '-o', 'name'],
    )
    expect(printed.split('\n').map((line) => line.replace(/-[a-z0-9]{10}$/, ''))).toEqual([
      'configmap/baton',
      'service/baton',
      'deployment.apps/baton',
    ])
  })

  test('finds nothing against the restricted pod security standard', async () => {
    await kubectl('create', 'namespace', 'restricted')
    const label = 'pod-security.kubernetes.io/warn=restricted'
    await kubectl('label', 'namespace', 'restricted', label)
    const printed = await kubectl('apply', '-n', 'restricted', '-k', BASE, '--dry-run=server')
    expect(printed).toContain('deployment.apps/baton')
    expect(printed).not.toContain('Warning')
  })

  test('refuses a manifest with a misspelt field, so the check can fail', async () => {
    const folder = cleanup.add(await temporaryFolder('manifests'), (it) =>
      rm(it, { recursive: true }),
    )
    const manifest = await readFile(path.join(BASE, 'deployment.yaml'), 'utf8')
    const misspelt = path.join(folder, 'deployment.yaml')
    await writeFile(misspelt, manifest.replace('readinessProbe', 'readyProbe'))
    await expect(
      kubectl('apply', '-f', misspelt, '--dry-run=server', '--validate=strict'),
    ).rejects.toThrow('unknown field "spec.template.spec.containers[0].readyProbe"')
  })
})
