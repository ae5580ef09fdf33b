# What `make` builds besides the program, and `make install`: the library (static and shared, made of all rooms, with
# the public header's functions as its only symbols), selfsup.pc, man pages, completions.
include(GNUInstallDirs)

get_property(room_targets GLOBAL PROPERTY SS_ROOMS)
set(objects)
set(link_libraries)
set(pc_libraries)
foreach(target ${room_targets})
  get_target_property(type ${target} TYPE)
  if(type STREQUAL STATIC_LIBRARY)
    list(APPEND objects $<TARGET_OBJECTS:${target}>)
  endif()
  get_target_property(uses ${target} INTERFACE_LINK_LIBRARIES)
  foreach(use ${uses})
    if(NOT use MATCHES "^ss_")
      list(APPEND link_libraries ${use})
      if(use MATCHES "^PkgConfig::(.*)$")
        list(APPEND pc_libraries ${${CMAKE_MATCH_1}_LDFLAGS})
      elseif(use MATCHES "^CUDA::(.*)$")
        list(APPEND pc_libraries -L${CUDAToolkit_LIBRARY_DIR} -l${CMAKE_MATCH_1})
      elseif(use MATCHES "/lib([^/]*)\\.(so|a)$")
        list(APPEND pc_libraries -l${CMAKE_MATCH_1})
      endif()
    endif()
  endforeach()
endforeach()
list(REMOVE_DUPLICATES link_libraries)
list(REMOVE_DUPLICATES pc_libraries)
list(JOIN pc_libraries " " SELFSUP_PC_LIBRARIES)

if(objects AND NOT SS_SANITIZE AND NOT SS_FUZZ)
  set(empty ${CMAKE_CURRENT_BINARY_DIR}/selfsup_library.c)
  file(CONFIGURE OUTPUT ${empty}
       CONTENT "/* A library's target needs a source; its contents are the rooms' objects. */\ntypedef int selfsup_library;\n")

  add_library(selfsup_shared SHARED ${empty} ${objects})
  target_link_libraries(selfsup_shared PRIVATE ${link_libraries})
  # OpenMP's named locks are visible whatever the compiler is told.
  set(symbols ${CMAKE_SOURCE_DIR}/cmake/selfsup.map)
  target_link_options(selfsup_shared PRIVATE -Wl,--no-undefined -Wl,--version-script=${symbols})
  set_target_properties(selfsup_shared PROPERTIES OUTPUT_NAME selfsup LINK_DEPENDS ${symbols} VERSION ${PROJECT_VERSION}
                                                  SOVERSION ${PROJECT_VERSION_MAJOR})

  # One object of all, so that in the static library too the rooms' own functions are nobody else's to see.
  set(list ${CMAKE_CURRENT_BINARY_DIR}/selfsup_objects.txt)
  file(GENERATE OUTPUT ${list} CONTENT "$<JOIN:${objects},\n>\n")
  set(joined ${CMAKE_CURRENT_BINARY_DIR}/selfsup_joined.o)
  add_custom_command(
    OUTPUT ${joined}
    COMMAND ${CMAKE_LINKER} -r -o ${joined} @${list}
    COMMAND ${CMAKE_OBJCOPY} --localize-hidden ${joined}
    DEPENDS ${objects} ${list}
    VERBATIM)
  add_library(selfsup_static STATIC ${empty} ${joined})
  set_target_properties(selfsup_static PROPERTIES OUTPUT_NAME selfsup)

  configure_file(${CMAKE_SOURCE_DIR}/cmake/selfsup.pc.in ${CMAKE_CURRENT_BINARY_DIR}/selfsup.pc @ONLY)
  install(TARGETS selfsup_shared selfsup_static LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
                                                ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/selfsup DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/selfsup.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()

install(FILES ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

if(TARGET selfsup AND NOT SS_SANITIZE AND NOT SS_FUZZ)
  install(TARGETS selfsup RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

  # Made from the program's own help, so that they never differ from it.
  set(stamp ${CMAKE_CURRENT_BINARY_DIR}/help.stamp)
  set(man ${CMAKE_CURRENT_BINARY_DIR}/man)
  set(completions ${CMAKE_CURRENT_BINARY_DIR}/completions)
  add_custom_command(
    OUTPUT ${stamp}
    COMMAND ${CMAKE_SOURCE_DIR}/scripts/make-man.sh $<TARGET_FILE:selfsup> ${man} ${PROJECT_VERSION}
    COMMAND ${CMAKE_SOURCE_DIR}/scripts/make-completions.sh $<TARGET_FILE:selfsup> ${completions}
    COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
    DEPENDS selfsup ${CMAKE_SOURCE_DIR}/scripts/make-man.sh ${CMAKE_SOURCE_DIR}/scripts/roff.awk
            ${CMAKE_SOURCE_DIR}/scripts/command-page.awk ${CMAKE_SOURCE_DIR}/scripts/method-page.awk
            ${CMAKE_SOURCE_DIR}/scripts/make-completions.sh ${CMAKE_SOURCE_DIR}/scripts/commands.sh
    VERBATIM)
  add_custom_target(help_files ALL DEPENDS ${stamp})
  install(DIRECTORY ${man}/ DESTINATION ${CMAKE_INSTALL_MANDIR})
  install(FILES ${completions}/selfsup.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
          RENAME selfsup)
  install(FILES ${completions}/_selfsup DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()
