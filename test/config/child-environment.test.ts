import { describe, expect, it } from 'vitest'
import { childEnvironment } from '../../src/config/child-environment.ts'

describe('the environment of a process that tries a model out', () => {
  it('has where libraries and temporary files are, and no credentials', () => {
    const env = {
      PATH: '/usr/bin',
      LD_LIBRARY_PATH: '/usr/local/cuda/lib64',
      TMPDIR: '/scratch',
      CUDA_VISIBLE_DEVICES: '1',
      HOME: '/home/baton',
      AWS_SECRET_ACCESS_KEY: 'secret',
      MLFLOW_TRACKING_TOKEN: 'secret',
      BATON_ADMIN_TOKEN: 'secret',
      NODE_OPTIONS: '--require=agent.js',
      TZ: undefined,
    }
    expect(childEnvironment(env)).toEqual({
      PATH: '/usr/bin',
      LD_LIBRARY_PATH: '/usr/local/cuda/lib64',
      TMPDIR: '/scratch',
      CUDA_VISIBLE_DEVICES: '1',
    })
  })
})
