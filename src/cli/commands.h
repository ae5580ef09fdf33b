/* Every command, one line each, in the order of --help: the name of its ss_command without "ss_command_". */
SS_COMMAND(methods)
SS_COMMAND(pretrain)
SS_COMMAND(probe)
SS_COMMAND(knn)
SS_COMMAND(retrieve)
SS_COMMAND(embed)
SS_COMMAND(export)
SS_COMMAND(world)
