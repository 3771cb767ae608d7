import { whyNotAsUser, whyNotHere } from './backends.ts'

/** Says before the first test what will be skipped on this machine, and why. */
export function setup(): void {
  const reasons = {
    'every test against MLflow and S3': whyNotHere('mlflow.sh', 's3.sh', 'register.py'),
    'the container image': whyNotHere('container.sh') ?? whyNotAsUser(),
    'the Kubernetes API server': whyNotHere('kube.sh'),
  }
  for (const [what, reason] of Object.entries(reasons)) {
    if (reason !== undefined) process.stderr.write(`interop: ${what} skipped: ${reason}\n`)
  }
}
