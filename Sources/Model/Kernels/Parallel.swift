/// Computes the rows of a matrix, each by one call of `body` from its own inputs; threads share them.
///
/// Kernel: rows of one buffer are handed to several threads, which the language cannot check; they do not overlap.
///
/// - Parameters:
///   - costPerRow: multiply-adds per row, or as much work of another kind.
///   - body: computes a row into a slice that holds just this row.
func forEachRow<Element: BitwiseCopyable>(
  of output: inout Matrix<Element>, count: Int, _ team: ThreadTeam, costPerRow: Int,
  _ body: (inout MutableSpan<Element>, Int) -> Void
) {
  precondition(count <= output.rows)
  let columns = output.columns
  output.withUnsafeMutableElements { base in
    team.share(count, costPerItem: costPerRow) { rows in
      for row in rows {
        var slice = MutableSpan<Element>(_unsafeStart: base + row * columns, count: columns)
        body(&slice, row)
      }
    }
  }
}

/// The same for the rows of two matrices.
func forEachRow<First: BitwiseCopyable, Second: BitwiseCopyable>(
  of first: inout Matrix<First>, and second: inout Matrix<Second>, count: Int, _ team: ThreadTeam, costPerRow: Int,
  _ body: (inout MutableSpan<First>, inout MutableSpan<Second>, Int) -> Void
) {
  precondition(count <= first.rows && count <= second.rows)
  let (columns, secondColumns) = (first.columns, second.columns)
  first.withUnsafeMutableElements { base in
    second.withUnsafeMutableElements { secondBase in
      team.share(count, costPerItem: costPerRow) { rows in
        for row in rows {
          var slice = MutableSpan<First>(_unsafeStart: base + row * columns, count: columns)
          var other = MutableSpan<Second>(_unsafeStart: secondBase + row * secondColumns, count: secondColumns)
          body(&slice, &other, row)
        }
      }
    }
  }
}

/// The same for the rows of attention: one call per position and head.
func forEachHead<Scalar: Real>(
  of att: inout AttentionBuffer<Scalar>, count: Int, _ team: ThreadTeam,
  costPerRow: Int, _ body: (inout MutableSpan<Scalar>) -> Void
) {
  let (heads, length) = (att.headCount, att.length(blockRow: 0))
  att.withUnsafeMutableRows(count) { base, stride in
    team.share(count * heads, costPerItem: costPerRow) { items in
      for item in items {
        let (row, head) = (item / heads, item % heads)
        let start = base + row * stride + head * (length + row)
        var slice = MutableSpan<Scalar>(_unsafeStart: start, count: length + row)
        body(&slice)
      }
    }
  }
}

/// Computes the elements of one row; threads share them. As `forEachRow`.
func inParallel<Element: BitwiseCopyable>(
  _ output: inout MutableSpan<Element>, _ team: ThreadTeam, costPerElement: Int,
  _ body: (inout MutableSpan<Element>, Range<Int>) -> Void
) {
  output.withUnsafeMutableBufferPointer { buffer in
    guard let base = buffer.baseAddress else { return }
    team.share(buffer.count, costPerItem: costPerElement) { range in
      var slice = MutableSpan<Element>(_unsafeStart: base + range.lowerBound, count: range.count)
      body(&slice, range)
    }
  }
}
