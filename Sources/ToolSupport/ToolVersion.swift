/// The version that every program of the package prints and writes into its traces.
package enum ToolVersion {
  /// Version of this release.
  package static let current = "0.1.0"
}
