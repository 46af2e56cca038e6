/** This build, its key or its databases belong to another cluster than it is to join. Nothing may start then. */
export class ClusterMismatch extends Error {
  override readonly name = 'ClusterMismatch'
  readonly code = 'cluster_mismatch'
}
