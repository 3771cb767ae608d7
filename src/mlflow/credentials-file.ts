/** Login of an MLflow server; either part may be missing. */
export interface MlflowLogin {
  readonly username: string | undefined
  readonly password: string | undefined
}

/**
 * Reads `~/.mlflow/credentials`: an INI file as Python's configparser reads it, section `[mlflow]`, keys
 * `mlflow_tracking_username` and `mlflow_tracking_password` (mlflow/utils/credentials.py). Lines that are
 * no setting are passed over.
 */
export function parseCredentialsFile(text: string): MlflowLogin {
  const settings = new Map<string, string>()
  let section = ''
  for (const line of text.split(/\r?\n/)) {
    const heading = /^\[(.+)\]\s*$/.exec(line)
    if (heading?.[1] !== undefined) {
      section = heading[1]
      continue
    }
    const setting = /^\s*([^#;=:\s][^=:]*?)\s*[=:]\s*(.*?)\s*$/.exec(line)
    const [, key, value] = setting ?? []
    if (section !== 'mlflow' || key === undefined || value === undefined) continue
    // configparser writes a percent sign as two.
    settings.set(key.toLowerCase(), value.replaceAll('%%', '%'))
  }
  return {
    username: settings.get('mlflow_tracking_username') || undefined,
    password: settings.get('mlflow_tracking_password') || undefined,
  }
}

/** Each part from the environment where it is set there, else from the file. */
export function mergeLogin(environment: MlflowLogin, file: MlflowLogin): MlflowLogin {
  return {
    username: environment.username || file.username,
    password: environment.password || file.password,
  }
}
