package import TraceFormat

extension Option {
  /// `--only`, `--layers` and `--positions`, the same in every program; `--site`, `--layer` and `--position` are other
  /// names for them.
  ///
  /// Given several times, `--only` collects; of ranges the last one counts.
  ///
  /// - Parameters:
  ///   - filter: where the target keeps its filter.
  ///   - only: the help of `--only`, and so on.
  package static func selection(
    _ filter: WritableKeyPath<Target, RecordFilter>, only: String, layers: String, positions: String
  ) -> [Option] {
    [
      Option("only", aliases: ["site"], value: "SITES", help: only) { target, value throws(UsageError) in
        target[keyPath: filter].names = try (target[keyPath: filter].names ?? []) + value.patterns()
      },
      Option("layers", aliases: ["layer"], value: "A..B", help: layers) { target, value throws(UsageError) in
        target[keyPath: filter].layers = try value.range()
      },
      Option("positions", aliases: ["position"], value: "A..B", help: positions) {
        target, value throws(UsageError) in target[keyPath: filter].positions = try value.range()
      },
    ]
  }

  /// `--except`, for what compares and reads traces.
  ///
  /// Given several times, it collects.
  package static func exclusion(_ filter: WritableKeyPath<Target, RecordFilter>, help: String) -> Option {
    Option("except", value: "SITES", help: help) { target, value throws(UsageError) in
      target[keyPath: filter].excluded += try value.patterns()
    }
  }

  /// What help says of the values of these options.
  package static var selectionDetails: String {
    "SITES is a comma-separated list of sites (q.rope), buffers (q, all its sites) and globs (*.rope); given several "
      + "times, the lists add up. Ranges include both ends: A..B, A, A.. or ..B."
  }
}
