import VectorKernels

/// output[p] = weights * input[p] for the first `count` rows p, positions of a block; weights and inputs int8 with
/// group scales (llama2.c `runq` `matmul`). Shapes: output block x d, weights d x n, values block x n, scales block x
/// (n / group size).
///
/// Order: per element, groups in ascending order; each group's products are summed exactly in 32 bits, and the running
/// float32 sum grows by (sum * weight scale) * input scale. Columns after the last whole group do not count. The weight
/// scale is the one that the group's first element has in the flat matrix, which may have begun in the row above.
///
/// Kernel: threads write disjoint columns of the output.
///
/// - Parameter widened: room for the block's inputs in 16 bits.
func multiply(
  _ output: inout Matrix<Float>, _ weights: QuantizedMatrixView, values: Matrix<Int8>, scales: Matrix<Float>,
  count: Int, widened: inout WidenedBlock, _ team: ThreadTeam
) {
  let (rows, columns, size) = (weights.rows, weights.columns, weights.groupSize)
  precondition(output.columns == rows && values.columns == columns && scales.columns == columns / size)
  precondition(count <= output.rows && count <= values.rows && count <= scales.rows)
  guard columns >= size else {
    // Not one whole group: every sum is empty.
    for r in 0..<count { output.fillRow(r, with: 0) }
    return
  }
  let isBlock = count >= leastBlock
  weights.withUnsafeRows { view in
    output.withUnsafeMutableElements { output in
      if isBlock {
        widened.fill(values, scales, groupSize: size, count: count)
        widened.withUnsafeElements { packed, packedScales in
          team.share(rows, costPerItem: columns * count, multiple: panelHeight) { part in
            products_i8(
              team.unit, output + part.lowerBound, rows, view.part(part), packed, packedScales, count)
          }
        }
      } else {
        scales.withUnsafeElements { scales in
          for r in 0..<count {
            widened.fill(values.row(r), groupSize: size)
            widened.withUnsafeElements { x, _ in
              team.share(rows, costPerItem: columns, multiple: panelHeight) { part in
                product_i8(
                  team.unit, output + r * rows + part.lowerBound, view.part(part), x, scales + r * (columns / size))
              }
            }
          }
        }
      }
    }
  }
}

/// Quantized activations in 16 bits: one position, or a block with one position to a lane, with its scales.
public struct WidenedBlock: ~Copyable {
  private let values: KernelMemory<Int16>
  private let scales: KernelMemory<Float>

  /// Positions with the absent ones that fill up the last group.
  private static func paddedPositions(_ count: Int) -> Int {
    let lanes = Int(QUANTIZED_LANES)
    return (count + lanes - 1) / lanes * lanes
  }

  /// Bytes that blocks take.
  static func byteCount(blockSize: Int, columns: Int, groupSize: Int) -> Int {
    paddedPositions(blockSize) * (2 * widenedCount(columns: columns, groupSize: groupSize) + 4 * (columns / groupSize))
  }

  /// Room for blocks of up to `blockSize` positions of up to `columns` elements.
  init(blockSize: Int, columns: Int, groupSize: Int) {
    let positions = Self.paddedPositions(blockSize)
    values = KernelMemory(count: positions * widenedCount(columns: columns, groupSize: groupSize), zero: 0)
    scales = KernelMemory(count: positions * (columns / groupSize), zero: 0)
  }

  /// Takes one position.
  mutating func fill(_ x: Span<Int8>, groupSize: Int) {
    precondition(widenedCount(columns: x.count, groupSize: groupSize) <= values.count)
    x.withUnsafeBufferPointer { x in widen_i8(values.base, x.baseAddress, x.count, groupSize) }
  }

  /// Takes a block.
  mutating func fill(_ x: Matrix<Int8>, _ xScales: Matrix<Float>, groupSize: Int, count: Int) {
    let positions = Self.paddedPositions(count)
    precondition(positions * widenedCount(columns: x.columns, groupSize: groupSize) <= values.count)
    precondition(positions * (x.columns / groupSize) <= scales.count)
    let (packed, packedScales) = (values.base, scales.base)
    x.withUnsafeElements { rows in
      xScales.withUnsafeElements { xScales in
        pack_i8(packed, packedScales, rows, xScales, x.columns, groupSize, count)
      }
    }
  }

  /// Lends the values and scales to a kernel.
  func withUnsafeElements(_ body: (UnsafePointer<Int16>, UnsafePointer<Float>) -> Void) {
    body(values.base, scales.base)
  }
}

/// Elements of a widened position.
private func widenedCount(columns: Int, groupSize: Int) -> Int {
  let padding = Int(QUANTIZED_PADDING)
  return columns / groupSize * ((groupSize + padding - 1) / padding * padding)
}

extension QuantizedMatrixView {
  /// Lends the matrix to a kernel.
  fileprivate func withUnsafeRows(_ body: (quantized_rows) -> Void) {
    values.withUnsafeBufferPointer { values in
      scaleBytes.withUnsafeBytes { scales in
        guard let values = values.baseAddress, let scales = scales.baseAddress else { return }
        body(
          quantized_rows(
            values: values, scales: scales.assumingMemoryBound(to: UInt8.self), first: 0, rows: rows,
            columns: columns, group_size: groupSize))
      }
    }
  }
}

extension quantized_rows {
  /// Some rows of it.
  fileprivate func part(_ part: Range<Int>) -> quantized_rows {
    quantized_rows(
      values: values + part.lowerBound * columns, scales: scales, first: first + part.lowerBound * columns,
      rows: part.count, columns: columns, group_size: group_size)
  }
}
