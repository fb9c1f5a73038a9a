import { nn } from "adjoint";
import { beside, numbers, type Row } from "./beside.js";

const F = nn.functional;

const rows = (batch: number, channels: number, side: number): Row[] => {
  const images = numbers([batch, channels, side, side]);
  const filters = numbers([channels, channels, 3, 3], { seed: 1 });
  const bias = numbers([channels], { seed: 2 });
  const few = numbers([batch, 3, side, side]);
  const half = Math.floor(side / 8);
  const bounds = { must: 2, aim: 1.2, tolerance: 1e-3 };
  const both = (row: Omit<Row, "must">, gradients: number[]): Row[] => [
    { ...row, ...bounds },
    { ...row, ...bounds, label: `${row.label}, backward`, gradients },
  ];
  return [
    ...both(
      {
        label: "conv2d 3x3",
        inputs: [images, filters, bias],
        adjoint: (a, b, c) => F.conv2d(a, b, { bias: c, padding: 1 }),
        torch: "F.conv2d(a, b, c, padding=1)",
      },
      [0, 1, 2],
    ),
    ...both(
      {
        label: "conv2d 3x3 of 3 channels",
        inputs: [few, numbers([8, 3, 3, 3], { seed: 1 })],
        adjoint: (a, b) => F.conv2d(a, b),
        torch: "F.conv2d(a, b)",
      },
      [0, 1],
    ),
    ...both(
      {
        label: "conv2d 1x1",
        inputs: [images, numbers([channels, channels, 1, 1], { seed: 1 })],
        adjoint: (a, b) => F.conv2d(a, b),
        torch: "F.conv2d(a, b)",
      },
      [0, 1],
    ),
    ...both(
      {
        label: "conv2d, stride 2",
        inputs: [images, filters],
        adjoint: (a, b) => F.conv2d(a, b, { stride: 2, padding: 1 }),
        torch: "F.conv2d(a, b, stride=2, padding=1)",
      },
      [0, 1],
    ),
    ...both(
      {
        label: "conv2d, depthwise",
        inputs: [images, numbers([channels, 1, 3, 3], { seed: 1 })],
        adjoint: (a, b) => F.conv2d(a, b, { padding: 1, groups: channels }),
        torch: `F.conv2d(a, b, padding=1, groups=${channels})`,
      },
      [0, 1],
    ),
    ...both(
      {
        label: "conv1d 5",
        inputs: [numbers([batch, channels, side * 10]), numbers([channels, channels, 5], { seed: 1 })],
        adjoint: (a, b) => F.conv1d(a, b, { padding: 2 }),
        torch: "F.conv1d(a, b, padding=2)",
      },
      [0, 1],
    ),
    ...both(
      {
        label: "conv3d 3x3x3",
        inputs: [numbers([2, 8, side, half, half]), numbers([8, 8, 3, 3, 3], { seed: 1 })],
        adjoint: (a, b) => F.conv3d(a, b, { padding: 1 }),
        torch: "F.conv3d(a, b, padding=1)",
      },
      [0, 1],
    ),
    ...both(
      {
        label: "convTranspose2d",
        inputs: [numbers([batch, channels, half, half]), filters],
        adjoint: (a, b) => F.convTranspose2d(a, b, { stride: 2 }),
        torch: "F.conv_transpose2d(a, b, stride=2)",
      },
      [0, 1],
    ),
    ...both(
      {
        label: "maxPool2d 2",
        inputs: [images],
        adjoint: (a) => F.maxPool2d(a, 2),
        torch: "F.max_pool2d(a, 2)",
      },
      [0],
    ),
    ...both(
      {
        label: "maxPool2d 3, stride 2",
        inputs: [images],
        adjoint: (a) => F.maxPool2d(a, 3, { stride: 2, padding: 1 }),
        torch: "F.max_pool2d(a, 3, 2, 1)",
      },
      [0],
    ),
    ...both(
      {
        label: "avgPool2d 2",
        inputs: [images],
        adjoint: (a) => F.avgPool2d(a, 2),
        torch: "F.avg_pool2d(a, 2)",
      },
      [0],
    ),
    ...both(
      {
        label: "adaptiveAvgPool2d 5",
        inputs: [images],
        adjoint: (a) => F.adaptiveAvgPool2d(a, 5),
        torch: "F.adaptive_avg_pool2d(a, 5)",
      },
      [0],
    ),
    ...both(
      {
        label: "adaptiveAvgPool2d 1",
        inputs: [images],
        adjoint: (a) => F.adaptiveAvgPool2d(a, 1),
        torch: "F.adaptive_avg_pool2d(a, 1)",
      },
      [0],
    ),
    ...both(
      {
        label: "pad, reflect",
        inputs: [images],
        adjoint: (a) => F.pad(a, [2, 2, 2, 2], { mode: "reflect" }),
        torch: "F.pad(a, [2, 2, 2, 2], mode='reflect')",
      },
      [0],
    ),
    ...both(
      {
        label: "interpolate, bilinear",
        inputs: [few],
        adjoint: (a) => F.interpolate(a, { scaleFactor: 2, mode: "bilinear" }),
        torch: "F.interpolate(a, scale_factor=2, mode='bilinear')",
      },
      [0],
    ),
    ...both(
      {
        label: "batchNorm",
        inputs: [images, bias, numbers([channels], { seed: 3 })],
        adjoint: (a, b, c) => F.batchNorm(a, null, null, { weight: b, bias: c, training: true }),
        torch: "F.batch_norm(a, None, None, b, c, True)",
      },
      [0, 1, 2],
    ),
    ...both(
      {
        label: "groupNorm",
        inputs: [images, bias, numbers([channels], { seed: 3 })],
        adjoint: (a, b, c) => F.groupNorm(a, channels / 2, { weight: b, bias: c }),
        torch: `F.group_norm(a, ${channels / 2}, b, c)`,
      },
      [0, 1, 2],
    ),
    ...both(
      {
        label: "scaledDotProductAttention",
        inputs: [0, 1, 2].map((seed) => numbers([8, channels, side / 2, 32], { seed })),
        adjoint: (a, b, c) => F.scaledDotProductAttention(a, b, c),
        torch: "F.scaled_dot_product_attention(a, b, c)",
      },
      [0, 1, 2],
    ),
  ];
};

export const windows = beside(
  "windows",
  "convolution, pooling, padding, interpolation and normalisation of images; backward: value and gradients",
  rows(32, 64, 56),
  rows(2, 4, 16),
);
