// swift-tools-version: 6.2
import PackageDescription

/// One list for every target. `Lifetimes` lets our views of borrowed memory state what they borrow from.
var settings: [SwiftSetting] = [
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// What the C compiler looks for.
var warnings: [CSetting] = ["all", "extra", "conversion", "shadow", "strict-prototypes"].map { .enableWarning($0) }

// Warnings are errors where our own tests are built (`make test` sets the variable), so that a newer compiler's warning
// never breaks a package that depends on this one.
if Context.environment["WERROR"] != nil {
  settings.append(.treatAllWarnings(as: .error))
  warnings.append(.treatAllWarnings(as: .error))
}

let package = Package(
  name: "reference-parity",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "TraceFormat", targets: ["TraceFormat"]),
    .library(name: "Model", targets: ["Model"]),
    .library(name: "TraceComparison", targets: ["TraceComparison"]),
    .library(name: "TraceTesting", targets: ["TraceTesting", "TraceComparison", "TraceFormat"]),
    .executable(name: "tracedump", targets: ["TraceDump"]),
    .executable(name: "tracediff", targets: ["tracediff"]),
    .executable(name: "llama2-synthesize", targets: ["Synthesize"]),
  ],
  targets: [
    .target(name: "PlatformLibc", swiftSettings: settings),
    .target(name: "VectorKernels", cSettings: warnings),
    .target(name: "TraceFormat", dependencies: ["PlatformLibc", "VectorKernels"], swiftSettings: settings),
    .target(name: "JSONText", dependencies: ["TraceFormat"], swiftSettings: settings),
    .target(name: "TensorArchives", dependencies: ["JSONText", "TraceFormat"], swiftSettings: settings),
    .target(
      name: "Model", dependencies: ["PlatformLibc", "TraceFormat", "VectorKernels"], swiftSettings: settings),
    .target(
      name: "TraceComparison", dependencies: ["JSONText", "PlatformLibc", "TraceFormat", "VectorKernels"],
      swiftSettings: settings),
    .target(
      name: "TraceSources", dependencies: ["TensorArchives", "TraceComparison", "TraceFormat"], swiftSettings: settings),
    .target(
      name: "Explanation",
      dependencies: [
        "JSONText", "PlatformLibc", "Model", "TraceComparison", "TraceFormat", "TraceSources", "VectorKernels",
      ],
      swiftSettings: settings),
    .target(
      name: "Goldens", dependencies: ["JSONText", "TraceComparison", "TraceFormat"], swiftSettings: settings),
    .target(
      name: "TraceTesting", dependencies: ["Goldens", "TraceComparison", "TraceFormat"], swiftSettings: settings),
    .target(
      name: "CIReports",
      dependencies: ["Explanation", "Goldens", "JSONText", "PlatformLibc", "TraceComparison", "TraceFormat"],
      swiftSettings: settings),
    .target(name: "Synthesis", dependencies: ["Model", "TraceFormat"], swiftSettings: settings),
    .target(
      name: "ToolSupport", dependencies: ["PlatformLibc", "TraceFormat", "VectorKernels"], swiftSettings: settings),
    .executableTarget(
      name: "TraceDump",
      dependencies: ["Goldens", "Model", "PlatformLibc", "ToolSupport", "TraceFormat", "VectorKernels"],
      swiftSettings: settings),
    .executableTarget(
      name: "tracediff",
      dependencies: [
        "CIReports", "Explanation", "Goldens", "JSONText", "Model", "TensorArchives", "TraceComparison", "ToolSupport",
        "TraceFormat", "TraceSources",
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "Synthesize", dependencies: ["Synthesis", "Model", "ToolSupport", "TraceFormat"],
      swiftSettings: settings),
    .target(
      name: "TestSupport",
      dependencies: [
        "CIReports", "Explanation", "Goldens", "JSONText", "Model", "PlatformLibc", "Synthesis", "TensorArchives",
        "TraceComparison", "TraceFormat", "VectorKernels",
      ],
      path: "Tests/TestSupport", swiftSettings: settings),
    .testTarget(
      name: "TraceFormatTests", dependencies: ["PlatformLibc", "TraceFormat", "TestSupport", "VectorKernels"],
      swiftSettings: settings),
    .testTarget(name: "JSONTextTests", dependencies: ["JSONText", "TestSupport"], swiftSettings: settings),
    .testTarget(
      name: "TensorArchivesTests",
      dependencies: ["JSONText", "PlatformLibc", "TensorArchives", "TraceComparison", "TraceFormat", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "ModelTests", dependencies: ["Model", "TraceFormat", "Synthesis", "TestSupport", "VectorKernels"],
      swiftSettings: settings),
    .testTarget(
      name: "TraceComparisonTests",
      dependencies: ["TraceComparison", "TraceFormat", "Model", "Synthesis", "TestSupport", "VectorKernels"],
      swiftSettings: settings),
    .testTarget(
      name: "TraceSourcesTests",
      dependencies: ["PlatformLibc", "TraceSources", "TraceComparison", "TraceFormat", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "ExplanationTests",
      dependencies: [
        "Explanation", "TraceComparison", "TraceFormat", "TraceSources", "Model", "Synthesis", "TestSupport",
        "VectorKernels",
      ],
      swiftSettings: settings),
    .testTarget(
      name: "GoldensTests",
      dependencies: ["Goldens", "TraceComparison", "TraceFormat", "Model", "Synthesis", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "TraceTestingTests",
      dependencies: ["Goldens", "TraceTesting", "TraceComparison", "TraceFormat", "TestSupport"],
      exclude: ["Goldens"], swiftSettings: settings),
    .testTarget(
      name: "CIReportsTests",
      dependencies: [
        "CIReports", "Explanation", "Goldens", "TraceComparison", "TraceFormat", "Model", "Synthesis", "TestSupport",
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "Recall", dependencies: ["Explanation", "TraceFormat", "Model", "TestSupport"],
      path: "Benchmarks/Recall", swiftSettings: settings),
    .testTarget(
      name: "ToolTests",
      dependencies: ["PlatformLibc", "ToolSupport", "TraceFormat", "Model", "Synthesis", "TestSupport"],
      swiftSettings: settings),
    .testTarget(
      name: "ParityTests",
      dependencies: ["Model", "TraceFormat", "Synthesis", "TestSupport", "VectorKernels"], swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)

// Libraries, because libFuzzer brings the main function; `Tests/Fuzz/fuzz.sh` sets the variable and links them. Without
// it, and for packages that depend on this one, they do not exist.
if Context.environment["FUZZ"] != nil {
  for name in [
    "FuzzCheckpoint", "FuzzTokenizer", "FuzzTrace", "FuzzNpz", "FuzzSafetensors", "FuzzMapping", "FuzzGolden",
    "FuzzHistory",
  ] {
    package.products.append(.library(name: name, type: .static, targets: [name]))
    package.targets.append(
      .target(name: name, dependencies: ["TestSupport"], path: "Tests/Fuzz/\(name)", swiftSettings: settings))
  }
}
