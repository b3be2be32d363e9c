// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "kernel-refactoring",
  platforms: [.macOS(.v15)],
  products: [.library(name: "Kernels", targets: ["Kernels"])],
  dependencies: [.package(name: "reference-parity", path: "../../..")],
  targets: [
    .target(name: "Kernels"),
    .testTarget(
      name: "KernelsTests",
      dependencies: ["Kernels", .product(name: "TraceTesting", package: "reference-parity")],
      exclude: ["Goldens"]),
  ]
)
