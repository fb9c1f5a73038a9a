{
  # A door for node-gyp and prebuildify. CMakeLists.txt is the build; this target only runs it.
  "targets": [
    {
      "target_name": "adjoint",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["<(module_root_dir)/build/Release/always-run-cmake"],
          "action": ["node", "<(module_root_dir)/scripts/build-native.mjs"]
        }
      ]
    }
  ]
}
